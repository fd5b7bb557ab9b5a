import { pipeline } from '../quern.js';
import type { Ocr } from '../sdk/vision/ocr.js';
import { TEXTS } from './drawings.js';
import { showFacts } from './facts.js';
import { hideTrouble, showCompiled } from './loading.js';
import { Picture } from './picture.js';
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

/* The page that reads the text in a picture. */

const text = document.getElementById('text')!;
const copy = document.getElementById('copy') as HTMLButtonElement;
let read: Ocr | null = null;
let current: Blob | HTMLCanvasElement = TEXTS[0]!.draw();

const take = oneAtATime(async (image: Blob | HTMLCanvasElement) => {
  current = image;
  if (!read) {
    await picture.show(image).catch(() => undefined);
    return;
  }
  setState('busy');
  hideTrouble();
  say('Reading …');
  try {
    const found = await read(image);
    await picture.show(image);
    picture.outline(found.lines.map(({ corners }) => corners));
    text.textContent = found.text;
    copy.disabled = found.text === '';
    const { detection, direction, recognition, total } = found.milliseconds;
    showTimes({
      'Find lines': detection,
      'Which way up': direction,
      'Read them': recognition,
      'All, the page’s own work included': total,
    });
    const count = found.lines.length;
    say(count === 0 ? 'No text was found.' : `${count} pieces of text in ${total.toFixed(0)} ms.`);
    setState('ready');
  } catch (thrown) {
    fail(thrown);
  }
});
const picture = new Picture(TEXTS, take);

async function start(): Promise<void> {
  begin();
  try {
    read = await pipeline('ocr', modelName('PP-OCRv4'), sessionOptions());
  } catch (thrown) {
    fail(thrown);
    return;
  }
  const { detection } = read.sessions;
  showFacts(document.getElementById('facts')!, detection.capabilities, detection.threads);
  showCompiled(detection.phases);
  picture.take(current);
}

document.getElementById('retry')!.addEventListener('click', async () => {
  const before = read;
  read = null;
  await before?.release();
  await start();
});
copy.addEventListener('click', async () => {
  await navigator.clipboard.writeText(text.textContent ?? '');
  say('Copied.');
});
picture.take(current);
void start();
