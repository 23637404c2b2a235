import { functionTagSyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

/** `<function=name>{…}</function>`: Functionary 3.1 and fine-tunes of Llama 3.1. */
export const functionTag: ToolFormat = {
  name: 'function-tag',
  matches: (template) => template.includes('<function='),
  openings: ['<function='],
  marks: ['</function>'],
  read: (cursor) => {
    cursor.take('<function=');
    const name = cursor.name('>');
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd('</function>');
    return callOf(cursor, name, value);
  },
  syntax: functionTagSyntax,
};
