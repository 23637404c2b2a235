import {
  clusterConditions,
  eventReasons,
  modelConditions,
  type ConditionText,
} from '../kubernetes/conditions.ts';
import { code, page, table } from './markdown.ts';

const section = (kind: string, conditions: Readonly<Record<string, ConditionText>>): string[] => [
  `## ${kind}`,
  ...Object.entries(conditions).flatMap(([type, { meaning, reasons }]) => [
    `### ${kind}: ${type}`,
    meaning,
    table(
      ['Reason', 'Meaning', 'What to do'],
      Object.entries(reasons).map(([reason, text]) => [code(reason), text.meaning, text.action ?? '']),
    ),
  ]),
];

/** `docs/reference/conditions.md`: every condition, every reason, every event. */
export const conditionReference = (): string =>
  page('Conditions and events', '`api/src/kubernetes/conditions.ts`', [
    'What the operator writes into `status.conditions`, and the Events it records. `kubectl describe` shows both.',
    ...section('OllamaCluster', clusterConditions),
    ...section('OllamaModel', modelConditions),
    '## Events',
    table(
      ['Reason', 'What it tells'],
      Object.entries(eventReasons).map(([reason, text]) => [code(reason), text]),
    ),
  ]);
