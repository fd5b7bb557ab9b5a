package dev.quern.onnx;

/**
 * One thing that is wrong with a model.
 *
 * @param node the node's name, or another place in the file, such as {@code "initializer 'w'"};
 *     empty if it is the file as a whole
 * @param operator the node's operator; empty if no node is meant
 * @param text what is wrong, with the types or shapes
 * @param advice what to do about it
 */
public record Problem(String node, String operator, String text, String advice) {
  @Override
  public String toString() {
    StringBuilder result = new StringBuilder();
    if (!operator.isEmpty()) {
      result.append(operator).append(' ');
    }
    if (!node.isEmpty()) {
      result.append(operator.isEmpty() ? node : "'" + node + "'").append(": ");
    } else if (!operator.isEmpty()) {
      result.append("(unnamed): ");
    }
    result.append(text);
    return advice.isEmpty()
        ? result.toString()
        : result.append(" (").append(advice).append(')').toString();
  }
}
