import { createPipeline, type FeatureExtraction, type PipelineOptions } from './sdk/pipeline.js';

/** The public face of Quern; its types are told in quern.d.ts, which the build holds against this file. */
export { QuernError } from './sdk/errors.js';
export { Tensor } from './sdk/tensor.js';
export { Session, capabilities, forget } from './sdk/session.js';
export { cosine } from './sdk/pooling.js';

export function pipeline(
  task: 'feature-extraction',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: PipelineOptions,
): Promise<FeatureExtraction> {
  // The bundler leaves this address alone, so it is relative to quern.js.
  return createPipeline(() => import('./quern-tokenizer.js'), task, model, options);
}
