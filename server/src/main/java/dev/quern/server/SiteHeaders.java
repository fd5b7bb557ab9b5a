package dev.quern.server;

import io.javalin.http.Context;

/**
 * The headers that every answer carries. Scripts get the page's policy too, since a worker runs
 * under the policy that its own script came with.
 */
final class SiteHeaders {
  private static final String POLICY =
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';"
          + " img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
          + " frame-ancestors ";

  private final boolean isolation;

  SiteHeaders(boolean isolation) {
    this.isolation = isolation;
  }

  void add(Context ctx) {
    String path = ctx.path();
    boolean embed = path.equals("/embed") || path.startsWith("/embed/");
    ctx.header("X-Content-Type-Options", "nosniff");
    ctx.header("Referrer-Policy", "no-referrer");
    ctx.header("Cross-Origin-Resource-Policy", "cross-origin");
    ctx.header("Content-Security-Policy", POLICY + (embed ? "*" : "'self'"));
    if (isolation) {
      ctx.header("Cross-Origin-Opener-Policy", "same-origin");
      ctx.header("Cross-Origin-Embedder-Policy", "require-corp");
      if (embed) {
        // Isolates the frame itself where its parent sends no headers (Chromium).
        ctx.header("Document-Isolation-Policy", "isolate-and-require-corp");
      }
    }
    if (!path.equals("/metrics") && !path.equals("/healthz")) {
      ctx.header("Access-Control-Allow-Origin", "*");
      ctx.header(
          "Access-Control-Expose-Headers",
          "ETag, Content-Range, Accept-Ranges, Content-Length, Content-Encoding");
    }
  }

  /** Answers a preflight: nothing here has credentials, so every origin may ask. */
  void preflight(Context ctx) {
    ctx.header("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
    ctx.header(
        "Access-Control-Allow-Headers", "Content-Type, Range, If-Range, If-None-Match, If-Match");
    ctx.header("Access-Control-Max-Age", "86400");
    ctx.status(204);
  }
}
