package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.reference.Tensor;
import java.util.HashMap;
import java.util.Map;

/** The values of a graph while it runs; what a body does not define, it sees in the outer one. */
final class Scope {
  private final Scope outer;
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final Map<String, Constant> constants = new HashMap<>();

  /**
   * An empty scope.
   *
   * @param outer the scope around it; null for the model's own graph
   */
  Scope(Scope outer) {
    this.outer = outer;
  }

  void put(String name, Tensor tensor) {
    tensors.put(name, tensor);
  }

  void put(String name, Constant constant) {
    constants.put(name, constant);
  }

  /** Forgets a tensor of this graph that nobody reads any more. */
  void drop(String name) {
    tensors.remove(name);
  }

  boolean has(String name) {
    return tensors.containsKey(name)
        || constants.containsKey(name)
        || (outer != null && outer.has(name));
  }

  /** The constant that a value is; null if it is computed. */
  Constant constant(String name) {
    if (constants.containsKey(name)) {
      return constants.get(name);
    }
    return tensors.containsKey(name) || outer == null ? null : outer.constant(name);
  }

  /** A value; a constant is copied into a tensor when it is first asked for. */
  Tensor tensor(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null && constants.containsKey(name)) {
      tensor = Tensor.of(constants.get(name));
      tensors.put(name, tensor);
    }
    if (tensor == null && outer != null) {
      return outer.tensor(name);
    }
    if (tensor == null) {
      throw new IllegalStateException("the value '" + name + "' is not there");
    }
    return tensor;
  }
}
