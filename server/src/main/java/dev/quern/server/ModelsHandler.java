package dev.quern.server;

import dev.quern.server.http.Delivery;
import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import dev.quern.server.http.Resource;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.WeightStore;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Manifests, and the files that they point to. */
final class ModelsHandler {
  private final WeightStore store;

  ModelsHandler(WeightStore store) {
    this.store = store;
  }

  private record Listed(String name, String task, long bytes) {}

  /** {@code GET /api/v1/models} */
  void list(Context ctx) throws IOException {
    List<Listed> models =
        store.manifests().stream().map(m -> new Listed(m.name(), m.task(), m.bytes())).toList();
    Json.send(ctx, Map.of("models", models));
  }

  /** {@code GET /api/v1/models/NAME} */
  void manifest(Context ctx) throws IOException {
    String name = ctx.pathParam("name");
    Manifest manifest =
        store
            .manifest(name)
            .orElseThrow(() ->
                new ProblemException(
                    404,
                    "this server has no model called "
                        + name
                        + "; GET /api/v1/models lists those that it has"));
    Json.send(ctx, manifest);
  }

  /** {@code GET /weights/SHA256} */
  void weights(Context ctx) throws IOException {
    String sha256 = ctx.pathParam("sha256");
    WeightStore.Blob blob =
        store
            .find(sha256)
            .orElseThrow(
                () -> new ProblemException(404, "this server has no file with digest " + sha256));
    Delivery.send(
        ctx,
        new Resource(
            blob.sha256(),
            "application/octet-stream",
            Resource.IMMUTABLE,
            blob.identity(),
            blob.brotli()));
  }
}
