/* The tasks on sounds: a file of its own, because only pages with sounds need it. */

export { voiceActivityDetection } from './sdk/audio/voice.js';
