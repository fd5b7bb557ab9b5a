import {
  cropped,
  normalise,
  resized,
  rgb,
  turned,
  type Rgb,
} from '../../main/js/sdk/vision/resample.js';
import { close, same, test } from './harness.js';

/** An image whose channels are the grey value, ten more and twenty more. */
function grey(width: number, height: number, at: (x: number, y: number) => number): Rgb {
  const data = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const value = at(i % width, Math.floor(i / width));
    data.set([value, value + 10, value + 20], 3 * i);
  }
  return { width, height, data };
}

/** Uneven but always the same. */
const noise = (x: number, y: number) => (37 * x * x + 101 * y + 59 * x * y) % 200;

function closeTo(image: Rgb, expected: Rgb, within: number): void {
  same([image.width, image.height], [expected.width, expected.height], 'size');
  same(image.data.length, expected.data.length, 'numbers');
  image.data.forEach((value, i) => close(value, expected.data[i]!, within));
}

const reds = ({ data }: Rgb) => [...data].filter((_, i) => i % 3 === 0);
const transposed = ({ width, height, data }: Rgb) =>
  grey(height, width, (x, y) => data[3 * (x * width + y)]!);

test('resample: the opacity is dropped', () => {
  const data = new Uint8ClampedArray([1, 2, 3, 255, 4, 5, 6, 0]);
  same(rgb({ width: 2, height: 1, data, scale: 1 }).data, new Float32Array([1, 2, 3, 4, 5, 6]));
});

test('resample: larger is linear between the middles of pixels, and level beyond the outer ones', () => {
  const line = grey(2, 1, (x) => 100 * x);
  same(reds(resized(line, 4, 1)), [0, 25, 75, 100], 'line');
  const square = grey(2, 2, (x, y) => 100 * x + 40 * y);
  const large = resized(square, 4, 4);
  closeTo(
    large,
    grey(4, 4, (x, y) => [0, 25, 75, 100][x]! + 0.4 * [0, 25, 75, 100][y]!),
    1e-4,
  );
});

test('resample: smaller is a mean under a triangle as wide as two new pixels', () => {
  // Weights 3 : 3 : 1 at the edge, as Pillow's bilinear filter has them.
  const small = reds(
    resized(
      grey(4, 1, (x) => 10 * x),
      2,
      1,
    ),
  );
  close(small[0]!, (3 * 0 + 3 * 10 + 20) / 7, 1e-4);
  close(small[1]!, (10 + 3 * 20 + 3 * 30) / 7, 1e-4);
  // 1 : 2 : 3 : 2 : 1 inside, for a third of the size.
  const third = reds(
    resized(
      grey(9, 1, (x) => noise(x, 0)),
      3,
      1,
    ),
  );
  const n = (x: number) => noise(x, 0);
  close(third[1]!, (n(2) + 2 * n(3) + 3 * n(4) + 2 * n(5) + n(6)) / 9, 1e-3);
});

test('resample: a level image stays level, whatever the sizes', () => {
  for (const [width, height, newWidth, newHeight] of [
    [7, 5, 3, 11],
    [1, 1, 5, 4],
    [64, 3, 1, 1],
    [13, 17, 12, 18],
    [100, 2, 33, 7],
  ] as const) {
    const level = grey(width, height, () => 123);
    closeTo(
      resized(level, newWidth, newHeight),
      grey(newWidth, newHeight, () => 123),
      1e-3,
    );
  }
});

test('resample: left is treated as right, above as below, rows as columns', () => {
  for (const [width, height] of [
    [3, 11],
    [11, 3],
    [20, 4],
    [6, 6],
  ] as const) {
    const image = grey(7, 5, noise);
    const small = resized(image, width, height);
    closeTo(resized(turned(image), width, height), turned(small), 1e-3);
    closeTo(resized(transposed(image), height, width), transposed(small), 1e-3);
  }
});

test('resample: the same size is the same image', () => {
  const image = grey(4, 3, noise);
  same(resized(image, 4, 3) === image, true, 'identity');
});

test('resample: a crop of all of it is the image, of a quarter turn the image turned', () => {
  const image = grey(5, 4, noise);
  closeTo(cropped(image, [0, 0], [5, 0], [0, 4], 5, 4), image, 1e-4);
  // From the upper right corner down, then to the left.
  const quarter = cropped(image, [5, 0], [0, 4], [-5, 0], 4, 5);
  closeTo(
    quarter,
    grey(4, 5, (x, y) => noise(4 - y, x)),
    1e-4,
  );
  const half = cropped(image, [5, 4], [-5, 0], [0, -4], 5, 4);
  closeTo(half, turned(image), 1e-4);
});

test('resample: a crop between pixels is their mean, outside it is the edge', () => {
  const image = grey(4, 4, (x, y) => 10 * x + 100 * y);
  closeTo(
    cropped(image, [0.5, 0.5], [3, 0], [0, 3], 3, 3),
    grey(3, 3, (x, y) => 10 * (x + 0.5) + 100 * (y + 0.5)),
    1e-4,
  );
  closeTo(
    cropped(image, [-2, -2], [8, 0], [0, 8], 8, 8),
    grey(
      8,
      8,
      (x, y) => 10 * Math.min(3, Math.max(0, x - 2)) + 100 * Math.min(3, Math.max(0, y - 2)),
    ),
    1e-4,
  );
});

test('resample: turned by half a circle, pixel by pixel', () => {
  const image = grey(3, 2, noise);
  closeTo(
    turned(image),
    grey(3, 2, (x, y) => noise(2 - x, 1 - y)),
    0,
  );
  closeTo(turned(turned(image)), image, 0);
});

const MEANS = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 1] };

test('resample: numbers of an image lie by planes, behind what was there, and leave the rest of the row', () => {
  const image = grey(2, 2, (x, y) => 51 * (x + 2 * y));
  const out = new Float32Array(2 + 3 * 2 * 3).fill(-9);
  normalise(image, { channels: 'rgb', ...MEANS }, out, 2, 3);
  same([...out.slice(0, 2)], [-9, -9], 'what is before it');
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < 2; y++) {
      for (let x = 0; x < 2; x++) {
        const value = (51 * (x + 2 * y) + 10 * channel) / 255;
        const expected = (value - MEANS.mean[channel]!) / MEANS.std[channel]!;
        close(out[2 + 6 * channel + 3 * y + x]!, expected, 1e-5);
      }
      same(out[2 + 6 * channel + 3 * y + 2], -9, 'right of it');
    }
  }
});

test('resample: blue first takes means in that order, and channels may be last', () => {
  const image = grey(1, 2, (_, y) => 100 * y);
  const out = new Float32Array(6);
  normalise(image, { channels: 'bgr', ...MEANS }, out, 0, 1, true);
  for (let y = 0; y < 2; y++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = (100 * y + 10 * (2 - channel)) / 255;
      close(out[3 * y + channel]!, (value - MEANS.mean[channel]!) / MEANS.std[channel]!, 1e-5);
    }
  }
});
