package dev.quern.bridge;

import dev.quern.runtime.Arrival;
import org.teavm.jso.JSExport;

/**
 * What the worker's JavaScript calls, in either edition. Requests and replies are JSON; a reply is
 * {@code {"error": …}} if the request failed. There is one model in an engine.
 */
public final class Engine {
  private static Host host;
  private static Edition edition;
  private static Model model;

  private Engine() {}

  /** The engine's version, as records and telemetry carry it. */
  @JSExport
  public static String version() {
    return "0.1.0";
  }

  /** The model that was planned. */
  static Model model() {
    return model;
  }

  /** Connects the engine to the worker's JavaScript, before anything else. */
  static void start(Host to, Edition with) {
    Native.connect(to);
    host = to;
    edition = with;
  }

  /**
   * Plans a model whose large tensors are still on their way into memory: {@code {"planned":
   * false}} if that needs some of them.
   */
  @JSExport
  public static String plan(String request) {
    return Reply.to(() -> {
      try {
        model = Model.plan(edition, new BrowserMachine(host), Request.of(request));
      } catch (Arrival.MissingException e) {
        return Reply.object("planned", false);
      }
      return Reply.object("planned", true);
    });
  }

  /** Runs the kernels of a planned model, so that the browser optimises them. */
  @JSExport
  public static String warm(String request) {
    return Reply.to(() -> model.warm(Request.of(request)));
  }

  /** Makes the model ready, planned or not, once all files lie in memory. */
  @JSExport
  public static String create(String request) {
    return Reply.to(() -> {
      if (model == null) {
        model = Model.plan(edition, new BrowserMachine(host), Request.of(request));
      }
      model.finish();
      return model.description();
    });
  }

  /** Runs it on the inputs that the host holds. */
  @JSExport
  public static String run(String request) {
    return Reply.to(() -> model.run(Request.of(request)));
  }

  /** Hands the kernels to the page. */
  @JSExport
  public static String share(String request) {
    return Reply.to(() -> model.share());
  }

  /** Takes the server's schedule records. */
  @JSExport
  public static String schedules(String request) {
    return Reply.to(() -> model.schedules(Request.of(request)));
  }

  /** Switches the search on or off. */
  @JSExport
  public static String tuning(String request) {
    return Reply.to(() -> model.tuning(Request.of(request)));
  }

  /** Works on the search for an idle slice. */
  @JSExport
  public static String tune(String request) {
    return Reply.to(() -> model.tune(Request.of(request)));
  }

  /** Runs it on the inputs that the host holds, and tells where the time goes. */
  @JSExport
  public static String profile(String request) {
    return Reply.to(() -> model.profile(Request.of(request)));
  }

  /** The schedules in use, the device's peak and the memory. */
  @JSExport
  public static String describe(String request) {
    return Reply.to(() -> model.describe());
  }
}
