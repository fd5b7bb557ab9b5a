package dev.quern.e2e.models;

import dev.quern.e2e.data.TensorData;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Random;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * A receipt, printed by Java's own fonts, as a camera sees it that does not exist: from aslant, so
 * that its sides are not parallel; curled; on a table with grain; lit from one side, with the
 * shadow of whoever holds the camera across it; a lens that is not quite sharp, a sensor that
 * rustles, and JPEG. It is not the photograph of a real receipt: none was found that may be given
 * away with a program. The same seed gives the same picture. Its words avoid what PP-OCRv4, made
 * for Chinese, is known to get wrong: it drops spaces after commas and takes W for w.
 */
public final class ReceiptPhoto {
  public static final int WIDTH = 900;
  public static final int HEIGHT = 1200;

  /** What is printed, row by row; parts of a row stand at its two ends. */
  private static final List<List<String>> ROWS =
      List.of(
          List.of("CORNER HARDWARE"),
          List.of("27 Station Road"),
          List.of("2026-02-19", "14:05"),
          List.of("Deck screws x40", "5.75"),
          List.of("Paint brush", "3.20"),
          List.of("Sandpaper P120", "1.95"),
          List.of("Hinge, brass x2", "8.40"),
          List.of("TOTAL EUR", "19.30"),
          List.of("Card payment", "19.30"),
          List.of("Please keep this receipt"));

  /** The paper as it is printed, four pixels for one of the photograph. */
  private static final int PAPER_WIDTH = 1120;

  private static final int PAPER_HEIGHT = 1720;

  /** Where the corners of the paper lie in the photograph, from the top left one on, clockwise. */
  private static final double[][] CORNERS = {{170, 96}, {700, 42}, {812, 1088}, {92, 1136}};

  private static final double PAPER_CURL = 9; // pixels of the photograph
  private static final double NOISE = 7; // standard deviation, of 255
  private static final float QUALITY = 0.82f;

  private ReceiptPhoto() {}

  /** What a person reads on it. */
  public static List<String> text() {
    return ROWS.stream().map(row -> String.join(" ", row)).toList();
  }

  /** Pieces of text that stand apart. */
  public static int parts() {
    return ROWS.stream().mapToInt(List::size).sum();
  }

  /** The photograph as a JPEG file. */
  public static byte[] jpeg() {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
      writer.setOutput(out);
      ImageWriteParam settings = writer.getDefaultWriteParam();
      settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      settings.setCompressionQuality(QUALITY);
      writer.write(null, new IIOImage(photograph(), null, null), settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /**
   * A part of the photograph in another size, as a model takes it: {@code [1, 3, height, width]},
   * {@code (value / 255 - mean) / std}.
   */
  public static TensorData tensor(
      int x, int y, int w, int h, int width, int height, float mean, float std) {
    BufferedImage part = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = part.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.drawImage(photograph(), 0, 0, width, height, x, y, x + w, y + h, null);
    graphics.dispose();
    float[] values = new float[3 * width * height];
    for (int at = 0; at < width * height; at++) {
      int rgb = part.getRGB(at % width, at / width);
      for (int c = 0; c < 3; c++) {
        float value = (rgb >> 8 * c & 255) / 255f; // blue first, as PaddleOCR has it
        values[c * width * height + at] = (value - mean) / std;
      }
    }
    return TensorData.of(values, 1, 3, height, width);
  }

  private static BufferedImage paper() {
    BufferedImage paper = new BufferedImage(PAPER_WIDTH, PAPER_HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = paper.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setColor(new Color(0xf2efe6));
    graphics.fillRect(0, 0, PAPER_WIDTH, PAPER_HEIGHT);
    graphics.setColor(new Color(0x2b2a28));
    for (int i = 0; i < ROWS.size(); i++) {
      List<String> row = ROWS.get(i);
      boolean large = i == 0 || row.getFirst().startsWith("TOTAL");
      graphics.setFont(new Font(Font.MONOSPACED, large ? Font.BOLD : Font.PLAIN, large ? 76 : 58));
      int y = 170 + i * 160;
      if (row.size() == 1) {
        int width = graphics.getFontMetrics().stringWidth(row.getFirst());
        graphics.drawString(row.getFirst(), (PAPER_WIDTH - width) / 2, y);
      } else {
        int width = graphics.getFontMetrics().stringWidth(row.getLast());
        graphics.drawString(row.getFirst(), 80, y);
        graphics.drawString(row.getLast(), PAPER_WIDTH - 80 - width, y);
      }
    }
    graphics.dispose();
    return paper;
  }

  private static BufferedImage photograph() {
    BufferedImage paper = paper();
    double[] inverse = inverse(projection(CORNERS));
    Random random = new Random(4);
    BufferedImage photo = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        double[] colour = new double[3];
        // The lens: a mean over a pixel and a half in each direction.
        for (int i = 0; i < 16; i++) {
          add(colour, paper, inverse, x + 0.4 * (i & 3) - 0.1, y + 0.4 * (i >> 2) - 0.1);
        }
        double light = light(x, y) / 16;
        int rgb = 0;
        for (int c = 0; c < 3; c++) {
          double value = colour[c] * light + NOISE * random.nextGaussian();
          rgb = rgb << 8 | Math.clamp(Math.round(value), 0, 255);
        }
        photo.setRGB(x, y, rgb);
      }
    }
    return photo;
  }

  /** What lies at a place: the paper, or the table. */
  private static void add(
      double[] colour, BufferedImage paper, double[] inverse, double x, double y) {
    double curled = y + PAPER_CURL * Math.sin(x / 150);
    double w = inverse[6] * x + inverse[7] * curled + inverse[8];
    double u = (inverse[0] * x + inverse[1] * curled + inverse[2]) / w * PAPER_WIDTH;
    double v = (inverse[3] * x + inverse[4] * curled + inverse[5]) / w * PAPER_HEIGHT;
    int rgb;
    if (u >= 0 && u < PAPER_WIDTH && v >= 0 && v < PAPER_HEIGHT) {
      rgb = paper.getRGB((int) u, (int) v);
    } else {
      double grain = 0.5 + 0.5 * Math.sin(y / 7 + 3 * Math.sin(x / 90) + Math.sin(y / 41));
      int shade = (int) (18 * grain);
      rgb = 0x6a4c33 + shade * 0x010101;
    }
    for (int c = 0; c < 3; c++) {
      colour[c] += rgb >> 8 * (2 - c) & 255;
    }
  }

  /** Brighter at the top left; a soft shadow lies across the lower right. */
  private static double light(double x, double y) {
    double falling = 1.02 - 0.28 * (x / WIDTH + y / HEIGHT) / 2;
    double edge = (x + 0.8 * y - 960) / 60;
    return falling * (1 - 0.34 / (1 + Math.exp(-edge)));
  }

  /** The matrix that takes the unit square to four corners (Heckbert 1989, "Fundamentals"). */
  private static double[] projection(double[][] c) {
    double dx1 = c[1][0] - c[2][0];
    double dx2 = c[3][0] - c[2][0];
    double dx3 = c[0][0] - c[1][0] + c[2][0] - c[3][0];
    double dy1 = c[1][1] - c[2][1];
    double dy2 = c[3][1] - c[2][1];
    double dy3 = c[0][1] - c[1][1] + c[2][1] - c[3][1];
    double area = dx1 * dy2 - dx2 * dy1;
    double g = (dx3 * dy2 - dx2 * dy3) / area;
    double h = (dx1 * dy3 - dx3 * dy1) / area;
    return new double[] {
      c[1][0] - c[0][0] + g * c[1][0],
      c[3][0] - c[0][0] + h * c[3][0],
      c[0][0],
      c[1][1] - c[0][1] + g * c[1][1],
      c[3][1] - c[0][1] + h * c[3][1],
      c[0][1],
      g,
      h,
      1
    };
  }

  /** Up to a factor, which a projection does not see: the adjugate. */
  private static double[] inverse(double[] m) {
    return new double[] {
      m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]
    };
  }
}
