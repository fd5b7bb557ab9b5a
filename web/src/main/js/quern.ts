import { createPipeline, type FeatureExtraction, type PipelineOptions } from './sdk/pipeline.js';
import { QuernError } from './sdk/errors.js';
import type { SessionOptions } from './sdk/options.js';
import type { ModelInput } from './sdk/source.js';
import { createVision, type VisionOptions, type VisionTask } from './sdk/vision.js';
import type { ClassificationOptions, ImageClassification } from './sdk/vision/classification.js';
import type { Ocr, OcrOptions } from './sdk/vision/ocr.js';

/** The public face of Quern; its types are told in quern.d.ts, which the build holds against this file. */
export { QuernError } from './sdk/errors.js';
export { Tensor } from './sdk/tensor.js';
export { capabilities } from './sdk/opening.js';
export { Session, forget } from './sdk/session.js';
export { cosine } from './sdk/pooling.js';

export function pipeline(
  task: 'feature-extraction',
  model: ModelInput,
  options?: PipelineOptions,
): Promise<FeatureExtraction>;
export function pipeline(
  task: 'image-classification',
  model: ModelInput,
  options?: SessionOptions & ClassificationOptions,
): Promise<ImageClassification>;
export function pipeline(
  task: 'ocr',
  model: ModelInput,
  options?: SessionOptions & OcrOptions,
): Promise<Ocr>;
export async function pipeline(
  task: 'feature-extraction' | VisionTask,
  model: ModelInput,
  options: PipelineOptions & VisionOptions = {},
): Promise<FeatureExtraction | ImageClassification | Ocr> {
  // The bundler leaves these addresses alone, so they are relative to quern.js.
  switch (task) {
    case 'feature-extraction':
      return createPipeline(() => import('./quern-tokenizer.js'), model, options);
    case 'image-classification':
    case 'ocr':
      return createVision(() => import('./quern-vision.js'), task, model, options);
    default:
      throw new QuernError(
        'argument',
        `The task "${String(task)}" is unknown; use feature-extraction, image-classification or ocr.`,
      );
  }
}
