package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A recurrent layer over any number of steps: one product for the inputs of all steps of a
 * direction, biases added, and one node that goes through the steps, {@code quern.Recurrent}. Its
 * operands are, a direction after the other each, what inputs add to the gates {@code [time, batch,
 * gates·hidden]}, the weights of the state {@code [gates·hidden, hidden]}, for a GRU the biases of
 * the state {@code [gates·hidden]}, and if they are given the first states {@code [directions,
 * batch, hidden]}. Its result is flat: every hidden state {@code [time, directions, batch,
 * hidden]}, the last one, and the last cell state of an LSTM.
 */
final class SteppedLayer {
  private final Site site;
  private final Compose c;
  private final int gates;
  private final int directions;
  private final boolean batchFirst;
  private final Dim hidden;

  private SteppedLayer(Site s, int gates, int directions) {
    site = s;
    c = new Compose(s);
    this.gates = gates;
    this.directions = directions;
    batchFirst = s.integer("layout", 0) != 0;
    hidden = s.shape(2).dim(2);
  }

  /**
   * Writes the node.
   *
   * @param functions the activations of all directions
   * @return its result, or null, and nothing is written, if the layer is none that it computes
   */
  static Value write(Site s, List<String> functions, int gates, Dim size) {
    int directions = s.text("direction", "forward").equals("bidirectional") ? 2 : 1;
    List<String> own = functions.subList(0, functions.size() / directions);
    boolean plain =
        RecurrentRules.isPlain(s, functions)
            && s.shape(2).dim(2).isConstant()
            && !s.varies(2)
            && !s.has(7)
            && (gates != 3 || s.integer("linear_before_reset", 0) != 0)
            && own.equals(functions.subList(functions.size() - own.size(), functions.size()));
    return plain ? new SteppedLayer(s, gates, directions).write(own, size) : null;
  }

  private Value write(List<String> functions, Dim size) {
    List<Value> operands = new ArrayList<>();
    Value x = batchFirst ? c.transpose(c.input(0), 1, 0, 2) : c.input(0);
    boolean apart = gates == 3 && site.has(3);
    for (int d = 0; d < directions; d++) {
      Value inputs = c.matMul(x, c.transpose(weights(1, d), 1, 0));
      operands.add(site.has(3) ? biased(inputs, d, apart) : inputs);
    }
    for (int d = 0; d < directions; d++) {
      operands.add(weights(2, d));
    }
    for (int d = 0; d < directions && apart; d++) {
      operands.add(bias(d, 1));
    }
    boolean started = site.has(5) || gates == 4 && site.has(6);
    if (started) {
      operands.add(state(5, x.shape().dim(1)));
      if (gates == 4) {
        operands.add(state(6, x.shape().dim(1)));
      }
    }
    boolean reverse = site.text("direction", "forward").equals("reverse");
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "gates", new Attribute.Int(gates),
            "directions", new Attribute.Int(directions),
            "reverse", new Attribute.Int(reverse ? 1 : 0),
            "biased", new Attribute.Int(apart ? 1 : 0),
            "started", new Attribute.Int(started ? 1 : 0));
    for (int i = 0; i < functions.size(); i++) {
      attributes.put("function" + i, new Attribute.Text(functions.get(i)));
    }
    Shape shape = new Shape(List.of(size));
    return c.node(Node.QUERN, "Recurrent", operands, attributes, DataType.FLOAT, shape);
  }

  private Value biased(Value inputs, int d, boolean apart) {
    Value sum = c.apply(ElementwiseOp.ADD, inputs, bias(d, 0));
    return apart ? sum : c.apply(ElementwiseOp.ADD, sum, bias(d, 1));
  }

  /** The biases of W, or of R. */
  private Value bias(int d, int half) {
    Dim width = Dim.of(gates).times(hidden);
    Value own = c.slice(c.input(3), 0, Dim.of(d), Dim.ONE);
    return c.reshape(c.slice(own, 1, Dim.of(half).times(width), width), width);
  }

  private Value weights(int input, int d) {
    Value all = c.input(input);
    Value own = directions == 1 ? all : c.slice(all, 0, Dim.of(d), Dim.ONE);
    return c.reshape(own, all.shape().dim(1), all.shape().dim(2));
  }

  private Value state(int input, Dim batch) {
    if (!site.has(input)) {
      return c.expand(
          c.constant(Constants.numbers("", DataType.FLOAT, Shape.of(1, 1, 1), new double[1])),
          new Shape(List.of(Dim.of(directions), batch, hidden)));
    }
    return batchFirst ? c.transpose(c.input(input), 1, 0, 2) : c.input(input);
  }
}
