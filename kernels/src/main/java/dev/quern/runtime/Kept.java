package dev.quern.runtime;

import dev.quern.graph.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values that a run leaves for the next one in linear memory, such as a decoder's keys and values:
 * outputs, and the inputs that they become. Each has two places beside the arena that take turns: a
 * run reads one and writes the other, so that nothing is copied between runs, and one that was
 * cancelled can be done again. Places grow by halves, so that a value that gets longer with each
 * run seldom moves.
 */
public final class Kept {
  private static final class Place {
    private final Value input;
    private final Value output;
    private final long[] at = new long[2];
    private long capacity;
    private long[] dims = {};

    Place(Value input, Value output) {
      this.input = input;
      this.output = output;
    }
  }

  private final Workspace space;
  private final Map<String, String> pairs;
  private final List<Place> places = new ArrayList<>();

  /** Which of the two places holds what the next run reads. */
  private int side;

  private boolean holds;

  /**
   * @param pairs names of inputs, and of the outputs that become them
   */
  Kept(
      Workspace space,
      Map<String, Value> inputs,
      Map<String, Value> outputs,
      Map<String, String> pairs) {
    this.space = space;
    this.pairs = Map.copyOf(pairs);
    pairs.forEach((name, from) -> {
      Value input = inputs.get(name);
      Value output = outputs.get(from);
      if (input == null || output == null || input.type() != output.type()) {
        throw new RunException(
            RunException.Reason.INPUT,
            "the output '"
                + from
                + "' cannot become the input '"
                + name
                + "': there is none, or the types differ");
      }
      places.add(new Place(input, output));
    });
  }

  /** Names of inputs, and of the outputs that become them. */
  public Map<String, String> pairs() {
    return pairs;
  }

  /** Whether a run has left values for the next. */
  public boolean holds() {
    return holds;
  }

  /** The next run is given all inputs. */
  public void forget() {
    holds = false;
  }

  /** The dimensions of what the last run left, by the names of the inputs. */
  public Map<String, long[]> dims() {
    Map<String, long[]> dims = new LinkedHashMap<>();
    for (Place place : places) {
      dims.put(place.input.name(), place.dims);
    }
    return dims;
  }

  /** Where what the last run left lies, by the names of the inputs. */
  public Map<String, Long> addresses() {
    Map<String, Long> addresses = new LinkedHashMap<>();
    for (Place place : places) {
      addresses.put(place.input.name(), place.at[side]);
    }
    return addresses;
  }

  /** Makes sure that a run of these sizes fits; may move the arena. */
  void makeRoom(Map<String, Long> symbols) {
    for (Place place : places) {
      long before = bytes(place.input, symbols);
      long needed = Math.max(before, bytes(place.output, symbols));
      if (needed <= place.capacity) {
        continue;
      }
      long capacity = Arena.align(needed + needed / 2);
      for (int i = 0; i < 2; i++) {
        long at = space.allocate(capacity);
        if (i == side && holds) {
          space.machine().memory().move(place.at[i], at, before);
        }
        if (place.capacity > 0) {
          space.release(place.at[i], place.capacity);
        }
        place.at[i] = at;
      }
      place.capacity = capacity;
    }
    space.settle();
  }

  private static long bytes(Value value, Map<String, Long> symbols) {
    return value.shape().size().evaluate(symbols) * value.type().bytes();
  }

  /** Puts the addresses of the values into those of the activations. */
  void place(Map<String, Integer> activations, long[] addresses) {
    for (Place place : places) {
      addresses[activations.get(place.input.name())] = place.at[side];
      addresses[activations.get(place.output.name())] = place.at[1 - side];
    }
  }

  /** A run of these sizes has ended well: what it left is what the next one reads. */
  void turn(Map<String, Long> symbols) {
    for (Place place : places) {
      place.dims = place.output.shape().evaluate(symbols);
    }
    side = 1 - side;
    holds = true;
  }

  /** Gives the places back. */
  void release() {
    for (Place place : places) {
      for (int i = 0; i < 2 && place.capacity > 0; i++) {
        space.release(place.at[i], place.capacity);
      }
      place.capacity = 0;
    }
    holds = false;
  }
}
