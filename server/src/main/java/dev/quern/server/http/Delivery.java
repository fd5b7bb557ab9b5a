package dev.quern.server.http;

import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * Answers GET and HEAD for a {@link Resource}: strong ETags (one an encoding), {@code
 * If-None-Match}, {@code If-Match}, {@code Range} with {@code If-Range}, Brotli where it was asked
 * for. Ranges are always of the identity bytes, so that a download that began in either form can be
 * resumed by position.
 */
public final class Delivery {
  private static final String BOUNDARY = "quern-byte-ranges-4f1c9a60";

  private Delivery() {}

  /** Sends the resource, a part of it, or word that the client has it already. */
  public static void send(Context ctx, Resource resource) throws IOException {
    HttpServletResponse response = ctx.res();
    boolean head = ctx.method().name().equals("HEAD");
    String rangeHeader = head ? null : ctx.header("Range");
    String identityTag = '"' + resource.sha256() + '"';
    String rangeCondition = ctx.header("If-Range");
    if (rangeHeader != null && rangeCondition != null && !rangeCondition.equals(identityTag)) {
      // What the client has a part of is not this representation: it gets the whole anew.
      rangeHeader = null;
    }
    Optional<List<ByteRange>> ranges = ByteRange.parse(rangeHeader, resource.identity().length());
    boolean brotli =
        ranges.isEmpty()
            && resource.brotli().isPresent()
            && AcceptEncoding.prefersBrotli(ctx.header("Accept-Encoding"));
    String tag = brotli ? '"' + resource.sha256() + "-br\"" : identityTag;

    response.setHeader("ETag", tag);
    response.setHeader("Cache-Control", resource.caching());
    response.setHeader("Accept-Ranges", "bytes");
    if (resource.brotli().isPresent()) {
      response.setHeader("Vary", "Accept-Encoding");
    }
    String ifMatch = ctx.header("If-Match");
    if (ifMatch != null && !names(ifMatch, tag, false)) {
      throw new ProblemException(412, "If-Match names none of this resource's ETags; it is " + tag);
    }
    String ifNoneMatch = ctx.header("If-None-Match");
    if (ifNoneMatch != null && names(ifNoneMatch, tag, true)) {
      response.setStatus(304);
      return;
    }
    if (ranges.isPresent()) {
      sendRanges(response, resource, ranges.get());
      return;
    }
    Content content = brotli ? resource.brotli().get() : resource.identity();
    if (brotli) {
      response.setHeader("Content-Encoding", "br");
    }
    response.setContentType(resource.type());
    response.setContentLengthLong(content.length());
    if (!head) {
      content.write(0, content.length(), response.getOutputStream());
    }
  }

  private static void sendRanges(
      HttpServletResponse response, Resource resource, List<ByteRange> ranges) throws IOException {
    Content content = resource.identity();
    if (ranges.isEmpty()) {
      response.setHeader("Content-Range", "bytes */" + content.length());
      throw new ProblemException(
          416, "the resource has " + content.length() + " bytes; none of them was asked for");
    }
    response.setStatus(206);
    OutputStream out = response.getOutputStream();
    if (ranges.size() == 1) {
      ByteRange range = ranges.getFirst();
      response.setContentType(resource.type());
      response.setHeader("Content-Range", contentRange(range, content.length()));
      response.setContentLengthLong(range.length());
      content.write(range.first(), range.length(), out);
      return;
    }
    byte[] end = bytes("\r\n--" + BOUNDARY + "--\r\n");
    long total = end.length;
    for (ByteRange range : ranges) {
      total += partHeader(resource, range).length + range.length();
    }
    response.setContentType("multipart/byteranges; boundary=" + BOUNDARY);
    response.setContentLengthLong(total);
    for (ByteRange range : ranges) {
      out.write(partHeader(resource, range));
      content.write(range.first(), range.length(), out);
    }
    out.write(end);
  }

  private static byte[] partHeader(Resource resource, ByteRange range) {
    return bytes(
        "\r\n--"
            + BOUNDARY
            + "\r\nContent-Type: "
            + resource.type()
            + "\r\nContent-Range: "
            + contentRange(range, resource.identity().length())
            + "\r\n\r\n");
  }

  private static String contentRange(ByteRange range, long length) {
    return "bytes " + range.first() + "-" + range.last() + "/" + length;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** Whether a list of ETags, or {@code *}, names this one. */
  private static boolean names(String header, String tag, boolean weak) {
    for (String part : header.split(",")) {
      String candidate = part.trim();
      if (weak && candidate.startsWith("W/")) {
        candidate = candidate.substring(2);
      }
      if (candidate.equals("*") || candidate.equals(tag)) {
        return true;
      }
    }
    return false;
  }
}
