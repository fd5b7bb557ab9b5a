/* The tasks that write text: a file of its own, because only pages that generate text need it. */

export { text2textGeneration, textGeneration } from './sdk/text/generation.js';
