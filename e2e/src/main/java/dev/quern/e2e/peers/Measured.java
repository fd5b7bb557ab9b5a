package dev.quern.e2e.peers;

import java.util.List;
import tools.jackson.databind.JsonNode;

/** What came of one engine in one case. */
sealed interface Measured {
  /**
   * Times of all runs that counted, in milliseconds.
   *
   * @param milliseconds seen by the page, from the call to the output in its hands; in each round
   * @param engineMilliseconds the same inside the engine, if it tells
   * @param worst the largest difference of an output over the largest value
   * @param facts what the engine tells about itself afterwards: {@code memoryBytes} of WebAssembly,
   *     {@code threads}, {@code version}
   * @param counts what one run asked of WebGPU; null where the CPU computed
   */
  record Timed(
      List<List<Double>> milliseconds,
      List<Double> engineMilliseconds,
      double worst,
      JsonNode facts,
      GpuCounts counts)
      implements Measured {
    double min() {
      return all().getFirst();
    }

    double median() {
      return Statistics.median(all());
    }

    int runs() {
      return all().size();
    }

    private List<Double> all() {
      return milliseconds.stream().flatMap(List::stream).sorted().toList();
    }
  }

  /** The engine does not run the case, and says why. */
  record Refused(String message) implements Measured {}

  /** Its outputs are not those of ONNX Runtime on the JVM: a time would mean nothing. */
  record Wrong(double worst, double tolerance) implements Measured {}
}
