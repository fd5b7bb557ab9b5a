package dev.quern.server.intake;

import dev.quern.server.weights.ImportException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** In how many bits the weights of products are stored. */
public enum Dtype {
  /** As the file has them. */
  F32,
  /** Half precision, widened in registers. */
  F16,
  /** Whole numbers of 8 bits, a scale for each column of the product. */
  INT8,
  /** Whole numbers of 4 bits, a scale for each {@link Codes#BLOCK} numbers of a column. */
  INT4;

  /** The name on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The one of a name. */
  public static Dtype of(String label) {
    return Arrays.stream(values())
        .filter(dtype -> dtype.label().equals(label))
        .findFirst()
        .orElseThrow(() ->
            new ImportException(
                "--dtype is "
                    + Arrays.stream(values()).map(Dtype::label).collect(Collectors.joining(", "))
                    + ", not '"
                    + label
                    + "'"));
  }
}
