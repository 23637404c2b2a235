/*
 * Formats whose texts are a regular language, as patterns: dates and times after RFC 3339, durations after its
 * appendix A, identifiers after RFC 9562, addresses after RFC 791, RFC 4291 and the common part of RFC 5321.
 */

const day31 = '(0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])';
const day30 = '(0[469]|11)-(0[1-9]|[12]\\d|30)';
const february = '02-(0[1-9]|1\\d|2[0-8])';
const leapYear = '(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)';
const date = `(\\d{4}-(${day31}|${day30}|${february})|${leapYear}-02-29)`;

const time = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)';

const duration =
  'P(\\d{1,9}W|(\\d{1,9}Y(\\d{1,9}M(\\d{1,9}D)?)?|\\d{1,9}M(\\d{1,9}D)?|\\d{1,9}D)(T(\\d{1,9}H(\\d{1,9}M(\\d{1,9}S)?)?|\\d{1,9}M(\\d{1,9}S)?|\\d{1,9}S))?|T(\\d{1,9}H(\\d{1,9}M(\\d{1,9}S)?)?|\\d{1,9}M(\\d{1,9}S)?|\\d{1,9}S))';

/** Six labels of 40 characters are as long as a name may be; longer labels are legal and rare. */
const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?';
const hostname = `${label}(\\.${label}){0,5}`;
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}";
const mailLabel = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?';
const email = `${atom}(\\.${atom})*@${mailLabel}(\\.${mailLabel})+`;

const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = `${octet}(\\.${octet}){3}`;
const group = '[0-9A-Fa-f]{1,4}';
/** All eight groups, or a gap between `before` and at most `7 - before` groups. */
const ipv6 = [
  `(${group}:){7}${group}`,
  ...Array.from({ length: 8 }, (_item, before) => {
    const head = before === 0 ? ':' : `(${group}:){${before}}`;
    const after = 7 - before;
    return after === 0 ? `${head}:` : `${head}:(${group}(:${group}){0,${after - 1}})?`;
  }),
].join('|');

const uuid = '[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}';

/** Patterns of formats by name; formats not listed here are remarks that say nothing a grammar could enforce. */
export const formatPatterns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date,
    time,
    'date-time': `${date}T${time}`,
    duration,
    uuid,
    email,
    hostname,
    ipv4,
    ipv6,
  }).map(([name, pattern]) => [name, `^(${pattern})$`]),
);
