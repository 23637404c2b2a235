import { answerLines } from '../answer-lines.ts';
import { answerConfigChange } from './answer.ts';

/* npm run raft:confchange -- FILE…: for each line, one answer for each of its calls. */

process.exitCode = answerLines('raft:confchange', process.argv.slice(2), answerConfigChange);
