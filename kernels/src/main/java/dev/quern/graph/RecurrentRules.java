package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Recurrent layers. One node computes all results one behind the other, of which the outputs are
 * slices: every hidden state, the last one, and the last cell state of an LSTM.
 */
final class RecurrentRules {
  /** So many steps are faster as programs that are fused. */
  private static final long FEW = 2;

  private RecurrentRules() {}

  /** RNN, GRU or LSTM; the inputs' axes are {@code [time, batch, …]}, or swapped by layout 1. */
  static void layer(Site s, String op, List<String> activations) {
    boolean batchFirst = s.integer("layout", 0) != 0;
    Shape x = s.shape(0);
    String direction = s.text("direction", "forward");
    long directions = direction.equals("bidirectional") ? 2 : 1;
    if (x.rank() != 3
        || s.shape(2).rank() != 3
        || !(directions == 2 || direction.equals("forward") || direction.equals("reverse"))) {
      throw Site.unsupported("its input is " + x + ", its direction '" + direction + "'", "");
    }
    for (int i = 1; i < s.inputs(); i++) {
      if (i != 4 && s.has(i) && s.type(i) != s.type(0)) {
        throw Site.unsupported("its inputs have different types", "");
      }
    }
    Map<String, Attribute> attributes = attributes(s, direction, activations);
    int gates = op.equals("LSTM") ? 4 : op.equals("GRU") ? 3 : 1;
    Dim time = x.dim(batchFirst ? 1 : 0);
    Dim batch = x.dim(batchFirst ? 0 : 1);
    Dim hidden = s.shape(2).dim(2);
    Dim count = Dim.of(directions);
    Dim all = time.times(count).times(batch).times(hidden);
    Dim last = count.times(batch).times(hidden);
    boolean cell = op.equals("LSTM");
    Dim size = all.plus(last).plus(cell ? last : Dim.ZERO);
    Compose c = new Compose(s);
    List<String> functions = functions(s, direction, activations);
    boolean few = time.isConstant() && time.constant() <= FEW;
    Value packed = few ? null : SteppedLayer.write(s, functions, gates, size);
    if (packed == null) {
      if (UnrolledLayer.write(s, functions, gates)) {
        return;
      }
      packed = c.host(op, attributes, s.type(0), new Shape(List.of(size)));
    }
    if (s.wants(0)) {
      Value y = c.reshape(c.slice(packed, 0, Dim.ZERO, all), time, count, batch, hidden);
      c.output(0, batchFirst ? c.transpose(y, 2, 0, 1, 3) : y);
    }
    for (int i = 1; i <= (cell ? 2 : 1); i++) {
      if (s.wants(i)) {
        Dim start = i == 1 ? all : all.plus(last);
        Value state = c.reshape(c.slice(packed, 0, start, last), count, batch, hidden);
        c.output(i, batchFirst ? c.transpose(state, 1, 0, 2) : state);
      }
    }
  }

  /** Whether a layer is one of f32 whose sequences are all of one length, without rarities. */
  static boolean isPlain(Site s, List<String> functions) {
    return s.type(0) == DataType.FLOAT
        && !s.has(4)
        && s.real("clip", 0) == 0
        && s.integer("input_forget", 0) == 0
        && List.of("Sigmoid", "Tanh", "Relu").containsAll(functions);
  }

  private static List<String> functions(Site s, String direction, List<String> defaults) {
    int directions = direction.equals("bidirectional") ? 2 : 1;
    List<String> both = new ArrayList<>(defaults);
    if (directions == 2) {
      both.addAll(defaults);
    }
    List<String> names = s.texts("activations").orElse(both);
    if (names.size() != both.size()) {
      throw Site.unsupported("its activations are " + names, "");
    }
    for (String name : names) {
      if (!ACTIVATIONS.contains(name)) {
        throw Site.unsupported("its activation '" + name + "' is not supported", "");
      }
    }
    return names;
  }

  private static Map<String, Attribute> attributes(
      Site s, String direction, List<String> defaults) {
    List<String> names = functions(s, direction, defaults);
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "direction", new Attribute.Text(direction),
            "activations", new Attribute.Text(String.join(",", names)),
            "clip", new Attribute.Real((float) s.real("clip", 0)),
            "input_forget", new Attribute.Int(s.integer("input_forget", 0)),
            "linear_before_reset", new Attribute.Int(s.integer("linear_before_reset", 0)),
            "layout", new Attribute.Int(s.integer("layout", 0)));
    attributes.put(
        "alpha", new Attribute.Reals(s.reals("activation_alpha").orElse(Collections.emptyList())));
    attributes.put(
        "beta", new Attribute.Reals(s.reals("activation_beta").orElse(Collections.emptyList())));
    return attributes;
  }

  private static final List<String> ACTIVATIONS =
      List.of(
          "Sigmoid",
          "Tanh",
          "Relu",
          "Affine",
          "LeakyRelu",
          "ThresholdedRelu",
          "ScaledTanh",
          "HardSigmoid",
          "Elu",
          "Softsign",
          "Softplus");
}
