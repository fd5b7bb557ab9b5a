import type { Point } from '../sdk/vision/resample.js';
import { onFile } from './files.js';

/* The picture of a page: chosen, dropped, pasted, or a sample; shown, with outlines over it. */

export interface Sample {
  name: string;
  draw(): HTMLCanvasElement;
}

const byId = <T extends Element>(id: string) => document.getElementById(id) as unknown as T;
const SVG = 'http://www.w3.org/2000/svg';

export class Picture {
  readonly #canvas = byId<HTMLCanvasElement>('canvas');
  readonly #overlay = byId<SVGSVGElement>('overlay');
  readonly #take: (image: Blob | HTMLCanvasElement) => void;

  /** @param take is called with each new picture */
  constructor(samples: readonly Sample[], take: (image: Blob | HTMLCanvasElement) => void) {
    this.#take = take;
    onFile((file) => this.take(file));
    byId<HTMLElement>('tries').append(
      ...samples.map(({ name, draw }) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = name;
        button.addEventListener('click', () => this.take(draw()));
        return button;
      }),
    );
  }

  take(image: Blob | HTMLCanvasElement): void {
    this.outline([]);
    this.#take(image);
  }

  /** Shows a picture that could be decoded. */
  async show(image: Blob | HTMLCanvasElement): Promise<void> {
    const bitmap = image instanceof Blob ? await createImageBitmap(image) : image;
    const { width, height } = bitmap;
    const scale = Math.min(1, 1280 / Math.max(width, height));
    this.#canvas.width = Math.max(1, Math.round(width * scale));
    this.#canvas.height = Math.max(1, Math.round(height * scale));
    this.#overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const context = this.#canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    if (bitmap instanceof ImageBitmap) {
      bitmap.close();
    }
  }

  /** Outlines parts of the picture, in its own pixels. */
  outline(polygons: readonly (readonly Point[])[]): void {
    this.#overlay.replaceChildren(
      ...polygons.map((points) => {
        const polygon = document.createElementNS(SVG, 'polygon');
        polygon.setAttribute('points', points.map((point) => point.join(',')).join(' '));
        return polygon;
      }),
    );
  }
}
