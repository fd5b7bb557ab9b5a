package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * A recurrent layer over few steps, whose number is known, as products and element-wise programs:
 * one product for the inputs of all steps, one for the state of each.
 */
final class UnrolledLayer {
  /** Steps of a layer that is unrolled; each of them becomes some nodes. */
  private static final long MOST_STEPS = 16;

  private final Site site;
  private final Compose c;
  private final List<String> functions;
  private final int steps;
  private final int gates;
  private final int directions;
  private final boolean batchFirst;
  private final Dim batch;
  private final Dim hidden;

  private UnrolledLayer(Site s, List<String> functions, int steps, int gates, int directions) {
    site = s;
    c = new Compose(s);
    this.functions = functions;
    this.steps = steps;
    this.gates = gates;
    this.directions = directions;
    batchFirst = s.integer("layout", 0) != 0;
    batch = s.shape(0).dim(batchFirst ? 0 : 1);
    hidden = s.shape(2).dim(2);
  }

  /** The states after each step, and the last ones of the cell. */
  private record States(Value[] hidden, Value cell) {}

  /**
   * Writes the layer of one, three or four gates.
   *
   * @param functions the activations of all directions
   * @return false, and nothing is written, if the layer is none that is unrolled
   */
  static boolean write(Site s, List<String> functions, int gates) {
    Dim time = s.shape(0).dim(s.integer("layout", 0) != 0 ? 1 : 0);
    boolean plain =
        RecurrentRules.isPlain(s, functions)
            && time.isConstant()
            && time.constant() >= 1
            && time.constant() <= MOST_STEPS;
    if (!plain) {
      return false;
    }
    int directions = s.text("direction", "forward").equals("bidirectional") ? 2 : 1;
    new UnrolledLayer(s, functions, (int) time.constant(), gates, directions).write();
    return true;
  }

  private void write() {
    List<States> results = new ArrayList<>();
    for (int d = 0; d < directions; d++) {
      results.add(direction(d));
    }
    if (site.wants(0)) {
      List<Value> all = new ArrayList<>();
      for (int t = 0; t < steps; t++) {
        for (States states : results) {
          all.add(states.hidden[t]);
        }
      }
      Value y = c.reshape(stacked(all), Dim.of(steps), Dim.of(directions), batch, hidden);
      c.output(0, batchFirst ? c.transpose(y, 2, 0, 1, 3) : y);
    }
    List<Value> last = new ArrayList<>();
    List<Value> cells = new ArrayList<>();
    for (int d = 0; d < directions; d++) {
      last.add(results.get(d).hidden[isReverse(d) ? 0 : steps - 1]);
      cells.add(results.get(d).cell);
    }
    state(1, last);
    if (gates == 4) {
      state(2, cells);
    }
  }

  private void state(int output, List<Value> values) {
    if (site.wants(output)) {
      Value state = stacked(values);
      c.output(output, batchFirst ? c.transpose(state, 1, 0, 2) : state);
    }
  }

  /** Values {@code [batch, hidden]} as {@code [count, batch, hidden]}. */
  private Value stacked(List<Value> values) {
    List<Value> planes = new ArrayList<>();
    for (Value value : values) {
      planes.add(c.reshape(value, Dim.ONE, batch, hidden));
    }
    return c.concat(0, planes);
  }

  private boolean isReverse(int d) {
    return d == 1 || site.text("direction", "forward").equals("reverse");
  }

  private String function(int d, int index) {
    return functions.get(d * (functions.size() / directions) + index);
  }

  private States direction(int d) {
    Value x = c.input(0);
    x = batchFirst ? c.transpose(x, 1, 0, 2) : x;
    Value rows = c.reshape(x, Dim.of(steps).times(batch), x.shape().dim(2));
    Value inputs = c.matMul(rows, turned(1, d));
    Value weights = turned(2, d);
    Value[] states = new Value[steps];
    Value h = initial(5, d);
    Value cell = gates == 4 ? initial(6, d) : null;
    for (int i = 0; i < steps; i++) {
      int t = isReverse(d) ? steps - 1 - i : i;
      Value input = c.slice(inputs, 0, Dim.of(t).times(batch), batch);
      switch (gates) {
        case 1 -> h = simple(d, input, weights, h);
        case 3 -> h = gated(d, input, weights, h);
        default -> {
          Value sums = c.apply(sum(), input, c.matMul(h, weights), bias(d, 0, 4), bias(d, 4, 4));
          cell = cell(d, sums, cell);
          h = output(d, sums, cell);
        }
      }
      states[t] = h;
    }
    return new States(states, cell);
  }

  /** The weights of a direction as the right side of a product, {@code [depth, gates·hidden]}. */
  private Value turned(int input, int d) {
    Value all = c.input(input);
    Value own = c.slice(all, 0, Dim.of(d), Dim.ONE);
    return c.transpose(c.reshape(own, all.shape().dim(1), all.shape().dim(2)), 1, 0);
  }

  private Value initial(int input, int d) {
    if (!site.has(input)) {
      return c.expand(
          c.constant(Constants.numbers("", DataType.FLOAT, Shape.of(1, 1), new double[1])),
          new Shape(List.of(batch, hidden)));
    }
    return c.reshape(
        c.slice(c.input(input), batchFirst ? 1 : 0, Dim.of(d), Dim.ONE), batch, hidden);
  }

  /** So many gates' biases from one on, those of W before those of R; 0 where there are none. */
  private Value bias(int d, int first, int count) {
    if (!site.has(3)) {
      return c.constant(Constants.scalar("", DataType.FLOAT, 0));
    }
    Value own = c.slice(c.input(3), 0, Dim.of(d), Dim.ONE);
    Dim width = Dim.of(count).times(hidden);
    return c.reshape(c.slice(own, 1, Dim.of(first).times(hidden), width), width);
  }

  /** One gate's part of all gates' values {@code [batch, gates·hidden]}. */
  private Value gate(Value all, int gate) {
    return c.slice(all, 1, Dim.of(gate).times(hidden), hidden);
  }

  private static int apply(ProgramBuilder p, String function, int x) {
    return p.op(function.equals("Sigmoid") ? SIGMOID : function.equals("Tanh") ? TANH : RELU, x);
  }

  private static ProgramBuilder program(int inputs) {
    List<DataType> types = new ArrayList<>();
    for (int i = 0; i < inputs; i++) {
      types.add(DataType.FLOAT);
    }
    return new ProgramBuilder(types);
  }

  /** The sum of four operands. */
  private static ProgramBuilder sum() {
    ProgramBuilder p = program(4);
    p.op(ADD, p.op(ADD, 0, 1), p.op(ADD, 2, 3));
    return p;
  }

  private Value simple(int d, Value input, Value weights, Value h) {
    ProgramBuilder p = program(4);
    apply(p, function(d, 0), p.op(ADD, p.op(ADD, 0, 1), p.op(ADD, 2, 3)));
    return c.apply(p, input, c.matMul(h, weights), bias(d, 0, 1), bias(d, 1, 1));
  }

  /** The gates z, r and h. */
  private Value gated(int d, Value input, Value weights, Value h) {
    Dim two = Dim.of(2).times(hidden);
    Value both = c.matMul(h, c.slice(weights, 1, Dim.ZERO, two));
    ProgramBuilder open = program(4);
    apply(open, function(d, 0), open.op(ADD, open.op(ADD, 0, 1), open.op(ADD, 2, 3)));
    Value zr = c.apply(open, c.slice(input, 1, Dim.ZERO, two), both, bias(d, 0, 2), bias(d, 3, 2));
    Value z = gate(zr, 0);
    Value r = gate(zr, 1);
    Value own = c.slice(weights, 1, two, hidden);
    boolean linear = site.integer("linear_before_reset", 0) != 0;
    Value state = c.matMul(linear ? h : c.apply(MUL, r, h), own);
    ProgramBuilder next = program(7);
    // Input, state, its bias, the input's bias, z, h, r.
    int reset = next.op(ADD, 1, 2);
    reset = linear ? next.op(MUL, reset, 6) : reset;
    int candidate = apply(next, function(d, 1), next.op(ADD, next.op(ADD, 0, 3), reset));
    int rest = next.op(SUB, next.constant(DataType.FLOAT, 1), 4);
    next.op(ADD, next.op(MUL, rest, candidate), next.op(MUL, 4, 5));
    return c.apply(next, gate(input, 2), state, bias(d, 5, 1), bias(d, 2, 1), z, h, r);
  }

  /** The peephole's weights of a gate. */
  private Value peephole(int d, int gate) {
    Value own = c.slice(c.input(7), 0, Dim.of(d), Dim.ONE);
    return c.reshape(c.slice(own, 1, Dim.of(gate).times(hidden), hidden), hidden);
  }

  /** The next state of the cell, from the gates i, o, f and c. */
  private Value cell(int d, Value sums, Value cell) {
    boolean peeps = site.has(7);
    ProgramBuilder p = program(peeps ? 6 : 4);
    // The gates i, f and c, the cell, peepholes of i and f.
    int in = peeps ? p.op(ADD, 0, p.op(MUL, 4, 3)) : 0;
    int forget = peeps ? p.op(ADD, 1, p.op(MUL, 5, 3)) : 1;
    int kept = p.op(MUL, apply(p, function(d, 0), forget), 3);
    int taken = p.op(MUL, apply(p, function(d, 0), in), apply(p, function(d, 1), 2));
    p.op(ADD, kept, taken);
    List<Value> operands = new ArrayList<>(List.of(gate(sums, 0), gate(sums, 2), gate(sums, 3)));
    operands.add(cell);
    if (peeps) {
      operands.add(peephole(d, 0));
      operands.add(peephole(d, 2));
    }
    return c.apply(p, operands.toArray(Value[]::new));
  }

  private Value output(int d, Value sums, Value cell) {
    boolean peeps = site.has(7);
    ProgramBuilder p = program(peeps ? 3 : 2);
    int out = peeps ? p.op(ADD, 0, p.op(MUL, 2, 1)) : 0;
    p.op(MUL, apply(p, function(d, 0), out), apply(p, function(d, 2), 1));
    return peeps
        ? c.apply(p, gate(sums, 1), cell, peephole(d, 1))
        : c.apply(p, gate(sums, 1), cell);
  }
}
