import { pipeline } from '../quern.js';
import type { ImageClass, ImageClassification } from '../sdk/vision/classification.js';
import { SCENES } from './drawings.js';
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

/* The page that judges a picture. */

const results = document.getElementById('results')!;
let classify: ImageClassification | null = null;
let current: Blob | HTMLCanvasElement = SCENES[0]!.draw();

const take = oneAtATime(async (image: Blob | HTMLCanvasElement) => {
  current = image;
  if (!classify) {
    await picture.show(image).catch(() => undefined);
    return;
  }
  setState('busy');
  hideTrouble();
  try {
    const started = performance.now();
    const { classes, milliseconds } = await classify(image);
    const total = performance.now() - started;
    await picture.show(image);
    results.replaceChildren(...classes.map(item));
    showTimes({ 'The network': milliseconds, 'All, the page’s own work included': total });
    const [best] = classes;
    say(`${best!.label}, ${(100 * best!.score).toFixed(0)} % sure, in ${total.toFixed(0)} ms.`);
    setState('ready');
  } catch (thrown) {
    fail(thrown);
  }
});
const picture = new Picture(SCENES, take);

function item({ label, score }: ImageClass): HTMLLIElement {
  const made = document.createElement('li');
  const parts = (['text', 'score', 'share'] as const).map((name) => {
    const part = document.createElement('span');
    part.className = name;
    return part;
  });
  parts[0]!.textContent = label;
  parts[1]!.textContent = score.toFixed(3);
  parts[2]!.style.setProperty('--share', String(score));
  made.append(...parts);
  return made;
}

async function start(): Promise<void> {
  begin();
  try {
    classify = await pipeline(
      'image-classification',
      modelName('MobileNetV2-nsfw'),
      sessionOptions(),
    );
  } catch (thrown) {
    fail(thrown);
    return;
  }
  const { session } = classify;
  showFacts(document.getElementById('facts')!, session.capabilities, session.threads);
  showCompiled(session.phases);
  picture.take(current);
}

document.getElementById('retry')!.addEventListener('click', async () => {
  const before = classify;
  classify = null;
  await before?.release();
  await start();
});
picture.take(current);
void start();
