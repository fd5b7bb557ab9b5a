import type { ImageOptions } from './host.js';
import type { Pixels } from './pixels.js';

/* Images of other sizes, and as the numbers that a model takes. All of it is plain arithmetic, so that every browser gives the same. */

/** Red, green and blue from 0 to 255, row after row. */
export interface Rgb {
  width: number;
  height: number;
  data: Float32Array;
}

/** Without the opacity. */
export function rgb({ width, height, data }: Pixels): Rgb {
  const out = new Float32Array(3 * width * height);
  for (let from = 0, to = 0; to < out.length; from += 4, to += 3) {
    out[to] = data[from]!;
    out[to + 1] = data[from + 1]!;
    out[to + 2] = data[from + 2]!;
  }
  return { width, height, data: out };
}

/** Neighbours that each place of a line is a weighted mean of: `count` from `first[place]` on. */
interface Line {
  count: number;
  first: Int32Array;
  weights: Float32Array;
}

/** A triangle filter: linear between neighbours, a mean of all that a place covers where the line gets shorter. */
function line(from: number, to: number): Line {
  const scale = from / to;
  const support = Math.max(1, scale);
  const count = Math.min(from, 2 * Math.ceil(support) + 1);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * count);
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * scale - 0.5;
    const start = Math.max(0, Math.min(from - count, Math.ceil(centre - support)));
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = Math.max(0, 1 - Math.abs(start + i - centre) / support);
      weights[place * count + i] = weight;
      sum += weight;
    }
    for (let i = 0; i < count; i++) {
      weights[place * count + i]! /= sum;
    }
    first[place] = start;
  }
  return { count, first, weights };
}

/** The image in another size. */
export function resized(image: Rgb, width: number, height: number): Rgb {
  if (image.width === width && image.height === height) {
    return image;
  }
  const across = line(image.width, width);
  const narrow = new Float32Array(3 * width * image.height);
  for (let y = 0, to = 0; y < image.height; y++) {
    const row = 3 * image.width * y;
    for (let x = 0; x < width; x++, to += 3) {
      let [r, g, b] = [0, 0, 0];
      let from = row + 3 * across.first[x]!;
      for (let i = x * across.count; i < (x + 1) * across.count; i++, from += 3) {
        const weight = across.weights[i]!;
        r += weight * image.data[from]!;
        g += weight * image.data[from + 1]!;
        b += weight * image.data[from + 2]!;
      }
      narrow[to] = r;
      narrow[to + 1] = g;
      narrow[to + 2] = b;
    }
  }
  const down = line(image.height, height);
  const data = new Float32Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < down.count; i++) {
      const weight = down.weights[y * down.count + i]!;
      if (weight === 0) {
        continue;
      }
      let from = 3 * width * (down.first[y]! + i);
      for (let to = 3 * width * y; to < 3 * width * (y + 1); to++, from++) {
        data[to]! += weight * narrow[from]!;
      }
    }
  }
  return { width, height, data };
}

/** A place in an image. */
export type Point = [x: number, y: number];

/** The parallelogram from `origin` along two sides as an upright image, linear between pixels; outside counts as the edge. */
export function cropped(
  image: Rgb,
  origin: Point,
  across: Point,
  down: Point,
  width: number,
  height: number,
): Rgb {
  const data = new Float32Array(3 * width * height);
  const [right, bottom] = [image.width - 1, image.height - 1];
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [u, v] = [(x + 0.5) / width, (y + 0.5) / height];
      const px = origin[0] + u * across[0] + v * down[0] - 0.5;
      const py = origin[1] + u * across[1] + v * down[1] - 0.5;
      const sx = Math.min(right, Math.max(0, px));
      const sy = Math.min(bottom, Math.max(0, py));
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)];
      const [fx, fy] = [sx - x0, sy - y0];
      const stepX = x0 < right ? 3 : 0;
      const stepY = y0 < bottom ? 3 * image.width : 0;
      const at = 3 * (y0 * image.width + x0);
      for (let c = 0; c < 3; c++) {
        const top = image.data[at + c]! * (1 - fx) + image.data[at + stepX + c]! * fx;
        const low =
          image.data[at + stepY + c]! * (1 - fx) + image.data[at + stepY + stepX + c]! * fx;
        data[to + c] = top * (1 - fy) + low * fy;
      }
    }
  }
  return { width, height, data };
}

/** Turned by half a circle. */
export function turned({ width, height, data }: Rgb): Rgb {
  const out = new Float32Array(data.length);
  for (let from = 0, to = data.length - 3; from < data.length; from += 3, to -= 3) {
    out[to] = data[from]!;
    out[to + 1] = data[from + 1]!;
    out[to + 2] = data[from + 2]!;
  }
  return { width, height, data: out };
}

/**
 * Writes an image into one of a batch, at `at` numbers of `out`: `[3, height, columns]`, or `[height, columns, 3]` if `last`. What is right of
 * the image stays as it is.
 */
export function normalise(
  image: Rgb,
  options: ImageOptions,
  out: Float32Array,
  at: number,
  columns: number,
  last = false,
): void {
  const { width, height, data } = image;
  const plane = height * columns;
  for (let channel = 0; channel < 3; channel++) {
    const factor = 1 / (255 * options.std[channel]!);
    const shift = options.mean[channel]! / options.std[channel]!;
    const source = options.channels === 'rgb' ? channel : 2 - channel;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const place = y * columns + x;
        const to = at + (last ? 3 * place + channel : channel * plane + place);
        out[to] = data[3 * (y * width + x) + source]! * factor - shift;
      }
    }
  }
}
