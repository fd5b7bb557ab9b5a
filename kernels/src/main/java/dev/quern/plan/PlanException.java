package dev.quern.plan;

import java.util.List;

/** A graph holds what no kernel is made for; every such node is named. */
public final class PlanException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient List<String> problems;
  private final transient List<String> nodes;

  /**
   * An exception.
   *
   * @param problems one sentence a problem
   * @param nodes the name of the node that each is about
   */
  public PlanException(List<String> problems, List<String> nodes) {
    super(String.join("\n", problems));
    this.problems = List.copyOf(problems);
    this.nodes = List.copyOf(nodes);
  }

  /** One sentence a problem. */
  public List<String> problems() {
    return problems;
  }

  /** The names of the nodes that no kernel is made for. */
  public List<String> nodes() {
    return nodes;
  }
}
