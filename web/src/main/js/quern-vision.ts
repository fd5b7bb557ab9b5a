/* The tasks on images: a file of its own, because only pages with images need it. */

export { imageClassification } from './sdk/vision/classification.js';
export { ocr } from './sdk/vision/ocr.js';
