import { answerLines } from '../answer-lines.ts';
import { answerQuorum } from './answer.ts';

/* npm run raft:quorum -- FILE…: one answer for each line. */

process.exitCode = answerLines('raft:quorum', process.argv.slice(2), (line) => [answerQuorum(line)]);
