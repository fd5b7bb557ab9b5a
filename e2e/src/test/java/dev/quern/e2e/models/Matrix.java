package dev.quern.e2e.models;

import java.util.Random;

/** Weights {@code [in, out]} that are constructed, row by row. */
record Matrix(int rows, int columns, float[] values) {
  Matrix(int rows, int columns) {
    this(rows, columns, new float[rows * columns]);
  }

  /** How fast the i-th pair of a position's code turns, radians a place. */
  private static double frequency(int i) {
    return 2.6 * Math.pow(0.82, i);
  }

  void set(int row, int column, double value) {
    values[row * columns + column] = (float) value;
  }

  void diagonal(int row, int column, int size, float value) {
    for (int i = 0; i < size; i++) {
      set(row + i, column + i, value);
    }
  }

  void noise(int row, int height, int column, int width, String name) {
    Random random = new Random(name.hashCode() + 31L * column);
    for (int i = 0; i < height; i++) {
      for (int j = 0; j < width; j++) {
        set(row + i, column + j, random.nextGaussian() * 0.05);
      }
    }
  }

  /** The code of each row's number, {@code (cos, sin)} of so many frequencies, from a column on. */
  void positions(int column, int frequencies) {
    for (int at = 0; at < rows; at++) {
      for (int i = 0; i < frequencies; i++) {
        set(at, column + 2 * i, Math.cos(at * frequency(i)));
        set(at, column + 2 * i + 1, Math.sin(at * frequency(i)));
      }
    }
  }

  /** The code of a position, which begins at a row, as that of one so many places on. */
  void turned(int row, int frequencies, int places, float factor) {
    for (int i = 0; i < frequencies; i++) {
      double cos = factor * Math.cos(places * frequency(i));
      double sin = factor * Math.sin(places * frequency(i));
      int x = row + 2 * i;
      set(x, 2 * i, cos);
      set(x + 1, 2 * i, -sin);
      set(x, 2 * i + 1, sin);
      set(x + 1, 2 * i + 1, cos);
    }
  }
}
