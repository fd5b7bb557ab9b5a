package dev.quern.e2e.bench;

import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Objects;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** How fast a number of threads can read memory in a browser, by probes that only read. */
final class ReadRate {
  /** Bytes that all readers together read in a turn. */
  private static final int READ = 96 << 20;

  private static final String WORKER = Front.PREFIX + "read-worker.js";

  private final Harness harness;
  private final int threads;

  ReadRate(Harness harness, Front front, int threads) {
    this.harness = harness;
    this.threads = threads;
    front.serve(WORKER, "text/javascript", script(), Map.of());
    for (int streams : ReadProbe.STREAMS) {
      byte[] module = ReadProbe.module(streams, READ / threads);
      front.serve(probe(streams), "application/wasm", module, Map.of());
    }
  }

  private static byte[] script() {
    String name = "read-worker.js";
    try (InputStream in = Objects.requireNonNull(ReadRate.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String probe(int streams) {
    return Front.PREFIX + "read-" + streams + "-" + threads + ".wasm";
  }

  /** GB/s of all threads together. */
  double measure() {
    ObjectNode request = Harness.options().put("worker", WORKER).put("threads", threads);
    ArrayNode urls = request.putArray("urls");
    ReadProbe.STREAMS.forEach(streams -> urls.add(probe(streams)));
    request.put("pages", READ / threads >> 16).put("turns", 4);
    return harness.call("read", request).get("rate").asDouble();
  }
}
