// @ts-expect-error Node's own types are not installed: this is the one call of it
import { readFileSync } from 'node:fs';
import { tests } from './harness.js';
import './tensor.test.js';
import './pooling.test.js';
import './batching.test.js';
import './manifest.test.js';
import './channel.test.js';
import './telemetry.test.js';
import './session.test.js';
import './tokenizer.test.js';
import './page.test.js';
import './engine.test.js';
import './contest.test.js';
import './segments.test.js';
import './generation.test.js';
import './boxes.test.js';
import './ctc.test.js';
import './resample.test.js';
import './open.test.js';

declare const process: {
  env: Record<string, string>;
  stdout: { write(text: string): void };
  exit(code: number): void;
};

Object.assign(globalThis, { TOKENIZER_JSON: readFileSync(process.env['TOKENIZER']!, 'utf8') });

/* One line of JSON per test: its name, and what went wrong. */
for (const { name, run } of tests) {
  let failure: string | null = null;
  try {
    await run();
  } catch (thrown) {
    failure = String((thrown as Error)?.stack ?? thrown);
  }
  process.stdout.write(`${JSON.stringify({ name, failure })}\n`);
}
process.exit(0);
