import type { Session } from '../session.js';
import type { ModelInput } from '../source.js';
import { boxesOf, corners, rowsOf, type Box } from './boxes.js';
import { alphabet, decode } from './ctc.js';
import { imageOptions, type Host, type ImageOptions } from './host.js';
import { readPixels, type ImageInput } from './pixels.js';
import { cropped, normalise, resized, rgb, turned, type Point, type Rgb } from './resample.js';

/* Images to text, as PaddleOCR does it: one network finds lines, one says which way up each is, one reads them. */

const STEP = 32; // the detector halves an image five times
const LINE_HEIGHT = 48; // pixels of a line as the recogniser takes it
const WIDEST = 3200; // pixels of the longest line at that height
const DIRECTION_WIDTH = 192;
const SURE = 0.9; // probability from which a line is turned over
const BATCH = 8; // lines that are read together
const MOST = 2560; // pixels of the longer side that lines are cut out of

/** Red, green and blue from -1 to 1, which recogniser and direction classifier take. */
const SYMMETRIC = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

export interface OcrOptions {
  /** Model that reads a line, [batch, 3, 48, width] to [batch, places, symbols]; default: the model's. */
  recognition?: ModelInput;
  /** Model that says whether a line is upside down; false: lines are taken as they lie. Default: the model's. */
  direction?: ModelInput | false;
  /** Symbols of the recogniser, or the address of a file with one a line; default: the model's. */
  keys?: readonly string[] | string;
  /** How pixels become the detector's numbers; default: the model's. */
  image?: Partial<ImageOptions>;
  /** Pixels of the longer side at which text is looked for; default 960. More finds smaller text and takes longer. */
  detectionSize?: number;
  /** Probability from which a pixel counts as text; default 0.3. */
  threshold?: number;
  /** Mean probability from which a box counts; default 0.6. */
  boxScore?: number;
  /** Probability from which a line's text counts; default 0.5. */
  textScore?: number;
}

export interface TextLine {
  text: string;
  /** Mean probability of its symbols. */
  score: number;
  /** Corners in pixels of the image as given, clockwise from the text's top left one. */
  corners: [Point, Point, Point, Point];
}

export interface Recognised {
  /** All of it: rows from the top, parts of a row with a space between. */
  text: string;
  /** In the order of reading. */
  lines: TextLine[];
  /** Times of the inferences, and of all that was done, reading the pixels included. */
  milliseconds: { detection: number; direction: number; recognition: number; total: number };
}

export interface Ocr {
  (image: ImageInput, options?: { signal?: AbortSignal }): Promise<Recognised>;
  /** The models by what they do. */
  readonly sessions: { detection: Session; recognition: Session; direction: Session | null };
  release(): Promise<void>;
}

interface Settings {
  image: ImageOptions;
  detectionSize: number;
  threshold: number;
  boxScore: number;
  textScore: number;
}

export async function ocr(host: Host, options: OcrOptions): Promise<Ocr> {
  const settings = settingsOf(host, options);
  const opening = [
    host.open('model'),
    host.open('recognition', options.recognition),
    options.direction === false ? null : host.open('direction', options.direction),
  ] as const;
  try {
    if (!opening[1]) {
      throw host.error(
        'argument',
        'The model comes without one that reads lines; give it in options.recognition.',
      );
    }
    const [detection, recognition, direction, keys] = await Promise.all([
      opening[0]!,
      opening[1],
      opening[2],
      keysOf(host, options.keys),
    ]);
    return new Reader(host, settings, { detection, recognition, direction }, keys).face();
  } catch (thrown) {
    await Promise.allSettled(opening.map((session) => session?.then((opened) => opened.release())));
    throw thrown;
  }
}

function settingsOf(host: Host, options: OcrOptions): Settings {
  const share = (name: 'threshold' | 'boxScore' | 'textScore', otherwise: number) => {
    const value = options[name] ?? otherwise;
    if (!(value >= 0 && value <= 1)) {
      throw host.error('argument', `${name} is ${value}; use a number from 0 to 1.`);
    }
    return value;
  };
  const detectionSize = options.detectionSize ?? 960;
  if (!Number.isInteger(detectionSize) || detectionSize < STEP || detectionSize > 4096) {
    throw host.error(
      'argument',
      `detectionSize is ${detectionSize}; use a whole number from ${STEP} to 4096.`,
    );
  }
  return {
    image: imageOptions(host, options.image),
    detectionSize,
    threshold: share('threshold', 0.3),
    boxScore: share('boxScore', 0.6),
    textScore: share('textScore', 0.5),
  };
}

async function keysOf(host: Host, given: readonly string[] | string | undefined) {
  if (given !== undefined && typeof given !== 'string') {
    return given;
  }
  const bytes = await host.file('keys', given);
  if (!bytes) {
    throw host.error(
      'argument',
      'The model comes without the list of its symbols; give it in options.keys.',
    );
  }
  return new TextDecoder()
    .decode(bytes)
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
}

/** A line of text on its way. */
interface Found {
  box: Box;
  image: Rgb;
  text: string;
  score: number;
}

class Reader {
  readonly #host: Host;
  readonly #settings: Settings;
  readonly #sessions: Ocr['sessions'];
  readonly #symbols: string[];

  constructor(host: Host, settings: Settings, sessions: Ocr['sessions'], keys: readonly string[]) {
    this.#host = host;
    this.#settings = settings;
    this.#sessions = sessions;
    const classes = sessions.recognition.outputs[0]?.dims[2];
    const symbols = alphabet(keys, typeof classes === 'number' ? classes : keys.length + 2);
    if (!symbols) {
      throw host.error(
        'model',
        `The model tells ${classes} symbols apart, but the list of its symbols has ${keys.length}.`,
      );
    }
    this.#symbols = symbols;
  }

  face(): Ocr {
    const { detection, recognition, direction } = this.#sessions;
    return Object.assign(
      (image: ImageInput, options: { signal?: AbortSignal } = {}) =>
        this.#read(image, options.signal),
      {
        sessions: this.#sessions,
        release: async () => {
          await Promise.all([detection, recognition, direction].map((s) => s?.release()));
        },
      },
    );
  }

  async #read(given: ImageInput, signal: AbortSignal | undefined): Promise<Recognised> {
    const started = performance.now();
    const pixels = await readPixels(this.#host, given, MOST, signal);
    const image = rgb(pixels);
    const milliseconds = { detection: 0, direction: 0, recognition: 0, total: 0 };
    const { boxes, spent } = await this.#detect(image, signal);
    milliseconds.detection = spent;
    const lines = boxes.map((box) => ({ box, image: cut(image, box), text: '', score: 0 }));
    milliseconds.direction = await this.#turn(lines, signal);
    milliseconds.recognition = await this.#recognise(lines, signal);
    const rows = rowsOf(
      lines.filter(({ text, score }) => text.trim() !== '' && score >= this.#settings.textScore),
    );
    milliseconds.total = performance.now() - started;
    const scaled = (point: Point): Point => [point[0] / pixels.scale, point[1] / pixels.scale];
    return {
      text: rows.map((row) => row.map(({ text }) => text).join(' ')).join('\n'),
      lines: rows.flat().map(({ box, text, score }) => ({
        text,
        score,
        corners: corners(box).map(scaled) as TextLine['corners'],
      })),
      milliseconds,
    };
  }

  /** Boxes of text, in pixels of the image. */
  async #detect(image: Rgb, signal: AbortSignal | undefined) {
    const { detectionSize, threshold, boxScore } = this.#settings;
    const shrink = Math.min(1, detectionSize / Math.max(image.width, image.height));
    const whole = (size: number) => Math.max(STEP, Math.round((size * shrink) / STEP) * STEP);
    const [width, height] = [whole(image.width), whole(image.height)];
    const data = new Float32Array(3 * width * height);
    normalise(resized(image, width, height), this.#settings.image, data, 0, width);
    const { output, milliseconds } = await this.#run(
      this.#sessions.detection,
      data,
      [1, 3, height, width],
      signal,
    );
    const found = boxesOf(output, width, height, { threshold, least: boxScore, grow: 1.5 });
    const [x, y] = [image.width / width, image.height / height];
    return { boxes: found.map(({ box }) => stretched(box, x, y)), spent: milliseconds };
  }

  /** Turns lines that stand on their heads. */
  async #turn(lines: Found[], signal: AbortSignal | undefined): Promise<number> {
    const session = this.#sessions.direction;
    let spent = 0;
    for (let first = 0; session && first < lines.length; first += BATCH) {
      const batch = lines.slice(first, first + BATCH);
      const each = 3 * LINE_HEIGHT * DIRECTION_WIDTH;
      const data = new Float32Array(each * batch.length);
      batch.forEach(({ image }, i) => {
        const width = Math.min(DIRECTION_WIDTH, lineWidth(image));
        this.#put(resized(image, width, LINE_HEIGHT), data, each * i, DIRECTION_WIDTH);
      });
      const { output, milliseconds } = await this.#run(
        session,
        data,
        [batch.length, 3, LINE_HEIGHT, DIRECTION_WIDTH],
        signal,
      );
      spent += milliseconds;
      batch.forEach((line, i) => {
        if (output[2 * i + 1]! > SURE) {
          line.image = turned(line.image);
          line.box = { ...line.box, along: [-line.box.along[0], -line.box.along[1]] };
        }
      });
    }
    return spent;
  }

  /** Reads lines, those of like widths together. */
  async #recognise(lines: Found[], signal: AbortSignal | undefined): Promise<number> {
    const groups = new Map<number, Found[]>();
    for (const line of lines) {
      const width = Math.ceil(lineWidth(line.image) / STEP) * STEP;
      groups.set(width, [...(groups.get(width) ?? []), line]);
    }
    let spent = 0;
    for (const [width, group] of groups) {
      for (let first = 0; first < group.length; first += BATCH) {
        const batch = group.slice(first, first + BATCH);
        const each = 3 * LINE_HEIGHT * width;
        const data = new Float32Array(each * batch.length);
        batch.forEach(({ image }, i) =>
          this.#put(resized(image, lineWidth(image), LINE_HEIGHT), data, each * i, width),
        );
        const { output, milliseconds } = await this.#run(
          this.#sessions.recognition,
          data,
          [batch.length, 3, LINE_HEIGHT, width],
          signal,
        );
        spent += milliseconds;
        const places = output.length / batch.length / this.#symbols.length;
        batch.forEach((line, i) =>
          Object.assign(
            line,
            decode(output, i * places * this.#symbols.length, places, this.#symbols),
          ),
        );
      }
    }
    return spent;
  }

  #put(image: Rgb, out: Float32Array, at: number, columns: number): void {
    normalise(image, { ...SYMMETRIC, channels: this.#settings.image.channels }, out, at, columns);
  }

  async #run(
    session: Session,
    data: Float32Array,
    dims: number[],
    signal: AbortSignal | undefined,
  ): Promise<{ output: Float32Array; milliseconds: number }> {
    const { outputs, milliseconds } = await session.measure(
      { [session.inputNames[0]!]: this.#host.tensor(data, dims) },
      { signal },
    );
    const output = Object.values(outputs)[0]!;
    if (output.type !== 'float32') {
      throw this.#host.error('model', `A model of OCR gives f32, not ${output.type}.`);
    }
    return { output: output.data as Float32Array, milliseconds };
  }
}

/** The image of a line, lying. */
function cut(image: Rgb, box: Box): Rgb {
  const [topLeft, topRight, , bottomLeft] = corners(box);
  const side = (to: Point): Point => [to[0] - topLeft[0], to[1] - topLeft[1]];
  const size = (length: number) => Math.max(1, Math.round(length));
  return cropped(
    image,
    topLeft,
    side(topRight),
    side(bottomLeft),
    size(box.width),
    size(box.height),
  );
}

function lineWidth({ width, height }: Rgb): number {
  return Math.min(WIDEST, Math.max(1, Math.round((width * LINE_HEIGHT) / height)));
}

/** A box in an image whose sides are so many times as long; an angle stays one of 90 degrees. */
function stretched(box: Box, x: number, y: number): Box {
  const [ax, ay] = [box.along[0] * x, box.along[1] * y];
  const [length, across] = [Math.hypot(ax, ay), Math.hypot(box.along[1] * x, box.along[0] * y)];
  return {
    centre: [box.centre[0] * x, box.centre[1] * y],
    width: box.width * length,
    height: box.height * across,
    along: [ax / length, ay / length],
  };
}
