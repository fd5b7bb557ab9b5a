import { pipeline } from '../quern.js';
import type { Segment } from '../sdk/audio/segments.js';
import type { VoiceActivityDetection, Voiced } from '../sdk/audio/voice.js';
import { showFacts } from './facts.js';
import { onFile } from './files.js';
import { hideTrouble, showCompiled } from './loading.js';
import {
  begin,
  fail,
  modelName,
  oneAtATime,
  say,
  sessionOptions,
  setState,
  showTimes,
} from './task.js';

/* The page that finds speech in a sound. */

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const results = byId('results');
const canvas = byId<HTMLCanvasElement>('canvas');
const player = byId<HTMLAudioElement>('player');
const record = byId<HTMLButtonElement>('record');
let detect: VoiceActivityDetection | null = null;
let waiting: Blob | null = null;
let address = '';

const take = oneAtATime(async (sound: Blob) => {
  if (!detect) {
    waiting = sound;
    return;
  }
  setState('busy');
  hideTrouble();
  say('Listening …');
  try {
    const started = performance.now();
    const voiced = await detect(sound);
    const total = performance.now() - started;
    show(sound, voiced);
    const { segments, seconds, milliseconds } = voiced;
    showTimes({ 'The network': milliseconds, 'All, decoding included': total });
    const spoken = segments.reduce((sum, { start, end }) => sum + end - start, 0);
    say(
      `${segments.length} ${segments.length === 1 ? 'passage' : 'passages'} of speech, ${spoken.toFixed(1)} of ${seconds.toFixed(1)} s; heard ${((1000 * seconds) / total).toFixed(1)} times as fast as it was spoken.`,
    );
    setState('ready');
  } catch (thrown) {
    fail(thrown);
  }
});

/** Draws the probability of speech over time, and lists the passages. */
function show(sound: Blob, { segments, probabilities, seconds }: Voiced): void {
  URL.revokeObjectURL(address);
  player.src = address = URL.createObjectURL(sound);
  player.hidden = false;
  const { width, height } = canvas;
  const context = canvas.getContext('2d')!;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  const x = (second: number) => (second / Math.max(seconds, 1e-3)) * width;
  context.fillStyle = style.accentColor === 'auto' ? '#2f7d4f' : style.accentColor;
  context.globalAlpha = 0.25;
  for (const { start, end } of segments) {
    context.fillRect(x(start), 0, x(end) - x(start), height);
  }
  context.globalAlpha = 1;
  context.strokeStyle = style.color;
  context.lineWidth = 2;
  context.beginPath();
  probabilities.forEach((p, i) => {
    context.lineTo(((i + 0.5) / probabilities.length) * width, height - 4 - p * (height - 8));
  });
  context.stroke();
  results.replaceChildren(...segments.map(item));
}

function item({ start, end }: Segment): HTMLLIElement {
  const made = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = `${start.toFixed(2)} – ${end.toFixed(2)} s`;
  button.addEventListener('click', () => {
    player.currentTime = start;
    void player.play();
    player.ontimeupdate = () => {
      if (player.currentTime >= end) {
        player.pause();
        player.ontimeupdate = null;
      }
    };
  });
  made.append(button);
  return made;
}

/** Records until it is pressed again. */
async function toggleRecording(): Promise<void> {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream);
    const parts: Blob[] = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      record.textContent = 'Record';
      record.onclick = () => void toggleRecording();
      take(new Blob(parts, { type: recorder.mimeType }));
    };
    recorder.start();
    record.textContent = 'Stop';
    record.onclick = () => recorder.stop();
    say('Recording …');
  } catch {
    say('The microphone may not be used here; choose a file instead.');
  }
}

async function start(): Promise<void> {
  begin();
  try {
    detect = await pipeline('voice-activity-detection', modelName('Silero-VAD'), sessionOptions());
  } catch (thrown) {
    fail(thrown);
    return;
  }
  const { session } = detect;
  showFacts(byId('facts'), session.capabilities, session.threads);
  showCompiled(session.phases);
  say('Choose a sound, drop one, or record.');
  setState('ready');
  if (waiting) {
    take(waiting);
    waiting = null;
  }
}

byId('retry').addEventListener('click', async () => {
  const before = detect;
  detect = null;
  await before?.release();
  await start();
});
record.onclick = () => void toggleRecording();
onFile(take);
void start();
