package dev.quern.onnx;

import java.util.List;

/** A model that cannot be used, with everything that is wrong with it. */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Problems past this many are counted only, so that a hostile file gives no endless message. */
  static final int SHOWN = 50;

  private final transient List<Problem> problems;

  /** An exception that lists these problems, of which there is at least one. */
  public ModelException(List<Problem> problems) {
    super(message(problems));
    this.problems = List.copyOf(problems);
  }

  /** An exception with a single problem. */
  public ModelException(Problem problem) {
    this(List.of(problem));
  }

  /** Every problem found, in the order of the file. */
  public List<Problem> problems() {
    return problems;
  }

  private static String message(List<Problem> problems) {
    if (problems.isEmpty()) {
      throw new IllegalArgumentException("a ModelException needs a problem");
    }
    StringBuilder text = new StringBuilder();
    int count = problems.size();
    text.append("The model cannot be used: ")
        .append(count)
        .append(count == 1 ? " problem" : " problems");
    for (int i = 0; i < Math.min(count, SHOWN); i++) {
      text.append("\n- ").append(problems.get(i).toString());
    }
    if (count > SHOWN) {
      text.append("\n- and ").append(count - SHOWN).append(" more");
    }
    return text.toString();
  }
}
