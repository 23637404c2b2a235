import { recipientSyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const mark = '>>>';

/** To whom the model says what is for the user. */
const everybody = 'all';

/**
 * `>>>name` and JSON in the next line, and `>>>all` before text: Functionary 3.2. The prompt ends with the mark before
 * the first name, so that the answer begins with the name itself.
 */
export const functionary: ToolFormat = {
  name: 'functionary',
  matches: (template) => template.includes('>>>all') && template.includes('>>>${recipient}'),
  openings: [mark],
  bareOpenings: Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-'),
  marks: [],
  bareNoise: [`${everybody}\n`],
  read: (cursor, tools) => {
    cursor.takeIf(mark);
    // Without a mark around it only a name of a tool tells a call from text.
    const recipients = [everybody, ...tools.map(({ name }) => name)];
    const recipient = recipients.find((name) => cursor.takeIf(`${name}\n`));
    if (recipient === undefined) cursor.wrong();
    if (recipient === everybody) return [];
    cursor.space();
    return callOf(cursor, recipient, cursor.json());
  },
  syntax: recipientSyntax,
};
