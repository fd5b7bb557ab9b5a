package dev.quern.e2e.models;

import dev.quern.e2e.data.TensorData;

/** Images of 224 × 224 by formulas of whole numbers, so that any program makes the same ones. */
final class TestImages {
  /** An image: the value from 0 to 1 at a row, a column and a channel. */
  interface Formula {
    float at(int y, int x, int c);
  }

  /** Dark in the middle, bright in the corners. */
  static final Formula DIAMOND =
      (y, x, c) -> (float) ((Math.abs(y - 112) + Math.abs(x - 112) + 20 * c) / 264.0);

  /** Stripes that bend and wrap around. */
  static final Formula STRIPES =
      (y, x, c) -> (float) (((5 * x + 3 * y + (x * y >> 4) + 40 * c) % 256) / 255.0);

  private TestImages() {}

  /** A batch [images, 3, 224, 224]. */
  static TensorData nchw(Formula... images) {
    int size = Models.IMAGE;
    float[] values = new float[images.length * 3 * size * size];
    int to = 0;
    for (Formula image : images) {
      for (int c = 0; c < 3; c++) {
        for (int y = 0; y < size; y++) {
          for (int x = 0; x < size; x++) {
            values[to++] = image.at(y, x, c);
          }
        }
      }
    }
    return TensorData.of(values, images.length, 3, size, size);
  }
}
