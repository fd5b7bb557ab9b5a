package dev.quern.graph;

/**
 * An equation that the importer had to assume and that a run must check once its sizes are known,
 * such as that two inputs have the same batch.
 *
 * @param left one size
 * @param right the size that it must equal
 * @param node the node that needs it, for the message
 */
public record Check(Dim left, Dim right, String node) {
  /** A sentence for the user whose sizes do not satisfy the equation. */
  public String message(long leftValue, long rightValue) {
    if (left.isSymbol() && right.equals(left.min(Dim.of(rightValue)))) {
      // A table of positions that was cut to this length is shorter.
      return left + " is " + leftValue + ", but node '" + node + "' allows at most " + rightValue;
    }
    return "the sizes "
        + left
        + " = "
        + leftValue
        + " and "
        + right
        + " = "
        + rightValue
        + " must be equal for node '"
        + node
        + "'";
  }
}
