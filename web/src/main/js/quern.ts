import { createPipeline, type FeatureExtraction, type PipelineOptions } from './sdk/pipeline.js';
import type { ModelInput } from './sdk/source.js';

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
): Promise<FeatureExtraction> {
  // The bundler leaves this address alone, so it is relative to quern.js.
  return createPipeline(() => import('./quern-tokenizer.js'), task, model, options);
}
