import type { Host } from './host.js';

/* From whatever shows an image to its pixels. */

export type ImageInput =
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | HTMLVideoElement
  | OffscreenCanvas
  | ImageData
  | Blob
  | string
  | URL;

/** Red, green, blue and opacity of each pixel, row after row. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8ClampedArray | Uint8Array;
  /** Pixels here for one of the image as it was given; 1 unless it was too large. */
  scale: number;
}

const KINDS =
  'an ImageData, an ImageBitmap, an <img>, <video> or <canvas>, a Blob or File, or an address';

/**
 * The pixels of an image, on white where it is transparent; what is longer than `most` pixels is drawn smaller.
 */
export async function readPixels(
  host: Host,
  input: ImageInput,
  most: number,
  signal?: AbortSignal,
): Promise<Pixels> {
  if (isImageData(input)) {
    return checked(host, input);
  }
  if (typeof input === 'string' || input instanceof URL) {
    return readBlob(host, await fetched(host, String(input), signal), most);
  }
  if (typeof Blob !== 'undefined' && input instanceof Blob) {
    return readBlob(host, input, most);
  }
  if (typeof HTMLImageElement !== 'undefined' && input instanceof HTMLImageElement) {
    await input.decode().catch((thrown) => {
      throw host.error('argument', 'The <img> holds no image that could be loaded.', thrown);
    });
    return drawn(host, input, input.naturalWidth, input.naturalHeight, most);
  }
  if (typeof HTMLVideoElement !== 'undefined' && input instanceof HTMLVideoElement) {
    return drawn(host, input, input.videoWidth, input.videoHeight, most);
  }
  if (isDrawable(input)) {
    return drawn(host, input, input.width, input.height, most);
  }
  throw host.error('argument', `An image is given as ${KINDS}, not as ${nameOf(input)}.`);
}

function isImageData(input: unknown): input is ImageData {
  const data: unknown = (input as ImageData | null)?.data;
  return data instanceof Uint8ClampedArray || data instanceof Uint8Array;
}

function isDrawable(input: unknown): input is ImageBitmap {
  return ['ImageBitmap', 'HTMLCanvasElement', 'OffscreenCanvas'].some((name) => {
    const type = (globalThis as Record<string, unknown>)[name];
    return typeof type === 'function' && (input as object) instanceof (type as new () => object);
  });
}

function nameOf(value: unknown): string {
  return value === null || typeof value !== 'object'
    ? String(value)
    : (value.constructor?.name ?? 'an object');
}

function checked(host: Host, { width, height, data }: ImageData): Pixels {
  if (!(width > 0 && height > 0) || data.length !== 4 * width * height) {
    throw host.error(
      'argument',
      `An image of ${width} by ${height} pixels has ${4 * width * height} bytes of red, green, blue and opacity, not ${data.length}.`,
    );
  }
  const opaque = new Uint8ClampedArray(data);
  for (let i = 3; i < opaque.length; i += 4) {
    const alpha = opaque[i]! / 255;
    if (alpha < 1) {
      for (let c = i - 3; c < i; c++) {
        opaque[c] = opaque[c]! * alpha + 255 * (1 - alpha);
      }
    }
  }
  return { width, height, data: opaque, scale: 1 };
}

async function fetched(host: Host, address: string, signal?: AbortSignal): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(new URL(address, globalThis.location?.href), {
      signal: signal ?? null,
      credentials: 'omit',
    });
  } catch (thrown) {
    if (signal?.aborted) {
      throw host.error('aborted', 'The caller cancelled this.', thrown);
    }
    throw host.error(
      'network',
      `The image ${address} could not be fetched; check the address and that its server allows this page's origin.`,
      thrown,
    );
  }
  if (!response.ok) {
    throw host.error(
      response.status === 404 ? 'notfound' : 'network',
      `The image ${address} answered ${response.status}.`,
    );
  }
  return response.blob();
}

async function readBlob(host: Host, blob: Blob, most: number): Promise<Pixels> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch (thrown) {
    throw host.error(
      'argument',
      `The file of ${blob.size} bytes (${blob.type || 'no type'}) is no image that this browser can decode.`,
      thrown,
    );
  }
  try {
    return drawn(host, bitmap, bitmap.width, bitmap.height, most);
  } finally {
    bitmap.close();
  }
}

function drawn(
  host: Host,
  image: CanvasImageSource,
  width: number,
  height: number,
  most: number,
): Pixels {
  if (!(width > 0 && height > 0)) {
    throw host.error('argument', 'The image has no pixels; wait until it has loaded.');
  }
  const scale = Math.min(1, most / Math.max(width, height));
  const columns = Math.max(1, Math.round(width * scale));
  const rows = Math.max(1, Math.round(height * scale));
  const context = canvas(columns, rows).getContext('2d', { willReadFrequently: true }) as
    | CanvasRenderingContext2D
    | OffscreenCanvasRenderingContext2D
    | null;
  if (!context) {
    throw host.error('memory', `There is no memory for an image of ${columns} by ${rows} pixels.`);
  }
  context.fillStyle = '#fff';
  context.fillRect(0, 0, columns, rows);
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, columns, rows);
  try {
    const { data } = context.getImageData(0, 0, columns, rows);
    return { width: columns, height: rows, data, scale };
  } catch (thrown) {
    throw host.error(
      'argument',
      'The image comes from another origin and may not be read; load it with crossorigin="anonymous" from a server that allows it.',
      thrown,
    );
  }
}

function canvas(width: number, height: number): HTMLCanvasElement | OffscreenCanvas {
  if (typeof document === 'undefined') {
    return new OffscreenCanvas(width, height);
  }
  const made = document.createElement('canvas');
  made.width = width;
  made.height = height;
  return made;
}
