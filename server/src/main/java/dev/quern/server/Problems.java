package dev.quern.server;

import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one place where what handlers throw becomes {@code application/problem+json} (RFC 9457). */
final class Problems {
  private static final Logger LOG = LoggerFactory.getLogger(Problems.class);

  private Problems() {}

  static void map(RoutesConfig routes) {
    routes.exception(
        ProblemException.class,
        (problem, ctx) ->
            write(ctx, problem.status(), problem.getMessage(), problem.field().orElse(null)));
    routes.exception(HttpResponseException.class, Problems::fromJavalin);
    routes.exception(
        Exception.class,
        (exception, ctx) -> {
          if (ctx.res().isCommitted()) {
            // Most often the client went away in the middle of a download.
            LOG.debug("answer to {} broke off", ctx.path(), exception);
            return;
          }
          LOG.error("{} {} failed", ctx.method(), ctx.path(), exception);
          write(ctx, 500, "something went wrong here; the server's log says what", null);
        });
  }

  private static void fromJavalin(HttpResponseException exception, Context ctx) {
    String methods = exception.getDetails().get("availableMethods");
    if (methods != null) {
      ctx.header("Allow", methods);
    }
    String detail =
        switch (exception.getStatus()) {
          case 404 -> "there is nothing at " + ctx.method() + " " + ctx.path();
          case 405 -> ctx.path() + " does not answer to " + ctx.method();
          default -> String.valueOf(exception.getMessage());
        };
    write(ctx, exception.getStatus(), detail, null);
  }

  private static void write(Context ctx, int status, String detail, String field) {
    Map<String, Object> problem = new LinkedHashMap<>();
    problem.put("type", "about:blank");
    problem.put("title", HttpStatus.forStatus(status).getMessage());
    problem.put("status", status);
    problem.put("detail", detail);
    if (field != null) {
      problem.put("field", field);
    }
    ctx.res().setHeader("ETag", null);
    ctx.header("Cache-Control", "no-store");
    ctx.status(status).contentType("application/problem+json");
    if (!ctx.method().name().equals("HEAD")) {
      ctx.result(Json.MAPPER.writeValueAsBytes(problem));
    }
  }
}
