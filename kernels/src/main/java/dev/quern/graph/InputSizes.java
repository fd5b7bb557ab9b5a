package dev.quern.graph;

import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.OnnxValue.OnnxDim;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What an input's file says of its sizes, as {@link Dim}s: numbers, names, and sums of these such
 * as {@code past_sequence_length + 1}.
 *
 * <p>A named size may be 0 where inputs of it only grow: nodes join them with others along that
 * axis, as a decoder joins the keys and values of what came before with the new ones. There is
 * nothing before the first run.
 */
final class InputSizes {
  /** Inputs of attention operators that hold keys and values of before, and the axis they grow. */
  private static final Map<String, Past> PASTS =
      Map.of(
          "Attention", new Past(List.of(4, 5), 2),
          "com.microsoft.Attention", new Past(List.of(4), 3),
          "com.microsoft.MultiHeadAttention", new Past(List.of(6, 7), 2),
          "com.microsoft.GroupQueryAttention", new Past(List.of(3, 4), 2));

  private record Past(List<Integer> inputs, int axis) {}

  private final Set<String> names = new HashSet<>();
  private final Set<String> growing = new HashSet<>();

  InputSizes(OnnxGraph graph) {
    for (OnnxValue input : graph.inputs()) {
      List<OnnxDim> dims = input.dims().orElse(List.of());
      for (int axis = 0; axis < dims.size(); axis++) {
        OnnxDim dim = dims.get(axis);
        if (dim.value() < 0 && !dim.symbol().isEmpty()) {
          names.add(dim.symbol());
          if (grows(graph, input.name(), axis, dims.size())) {
            growing.add(dim.symbol());
          }
        }
      }
    }
  }

  /** Whether all that is done with an input is to join it with others along an axis. */
  private static boolean grows(OnnxGraph graph, String input, int axis, int rank) {
    boolean joined = false;
    for (OnnxNode node : graph.nodes()) {
      for (int i = 0; i < node.inputs().size(); i++) {
        if (!node.inputs().get(i).equals(input) || node.op().equals("Shape")) {
          continue;
        }
        if (!joins(node, i, axis, rank)) {
          return false;
        }
        joined = true;
      }
    }
    return joined;
  }

  private static boolean joins(OnnxNode node, int input, int axis, int rank) {
    if (node.op().equals("Concat") && node.inputs().size() > 1) {
      long along = node.attributes().get("axis") instanceof OnnxAttribute.Int a ? a.value() : 0;
      return (along < 0 ? along + rank : along) == axis;
    }
    Past past = PASTS.get(node.domain().isEmpty() ? node.op() : node.domain() + "." + node.op());
    return past != null && past.inputs.contains(input) && past.axis == axis;
  }

  /** The size of an input's axis. */
  Dim of(String input, int axis, OnnxDim dim) {
    if (dim.value() >= 0) {
      return Dim.of(dim.value());
    }
    if (dim.symbol().isEmpty() || dim.symbol().equals("?")) {
      return Dim.symbol(input + "." + axis);
    }
    return sum(dim.symbol()).orElseGet(() -> symbol(dim.symbol()));
  }

  private Dim symbol(String name) {
    return growing.contains(name) ? Dim.symbolOrZero(name) : Dim.symbol(name);
  }

  /** {@code a + b + 1} of names that axes of inputs have by themselves. */
  private Optional<Dim> sum(String text) {
    List<String> parts = parts(text);
    Dim sum = Dim.ZERO;
    for (String part : parts) {
      boolean number = !part.isEmpty() && part.length() < 10;
      for (int i = 0; i < part.length(); i++) {
        number &= part.charAt(i) >= '0' && part.charAt(i) <= '9';
      }
      if (parts.size() < 2 || (!number && !names.contains(part))) {
        return Optional.empty();
      }
      sum = sum.plus(number ? Dim.of(Long.parseLong(part)) : symbol(part));
    }
    return Optional.of(sum);
  }

  private static List<String> parts(String text) {
    List<String> parts = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == '+') {
        parts.add(text.substring(start, i).trim());
        start = i + 1;
      }
    }
    return parts;
  }
}
