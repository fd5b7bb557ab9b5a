import type { Sample } from './picture.js';

/* Pictures that the pages draw themselves, so that there is something to try. */

function canvas(
  width: number,
  height: number,
): { made: HTMLCanvasElement; context: CanvasRenderingContext2D } {
  const made = document.createElement('canvas');
  made.width = width;
  made.height = height;
  return { made, context: made.getContext('2d')! };
}

/** The same numbers from 0 to 1 in every browser: a linear congruential generator. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function grain(context: CanvasRenderingContext2D, amount: number): void {
  const { width, height } = context.canvas;
  const image = context.getImageData(0, 0, width, height);
  const next = chance(1);
  for (let i = 0; i < image.data.length; i += 4) {
    const more = (next() - 0.5) * amount;
    for (let c = 0; c < 3; c++) {
      image.data[i + c]! += more;
    }
  }
  context.putImageData(image, 0, 0);
}

const RECEIPT: readonly (readonly [string, string?])[] = [
  ['CORNER BAKERY'],
  ['14 Mill Lane, Oldtown'],
  ['Date 2026-03-14', '09:26'],
  ['Rye bread', '4.20'],
  ['Croissant x2', '3.80'],
  ['Oat milk latte', '3.95'],
  ['TOTAL', '11.95'],
  ['Card payment', '11.95'],
  ['Thank you!'],
];

/** What the receipt says, row by row. */
export const RECEIPT_TEXT = RECEIPT.map((row) => row.join(' ')).join('\n');

/** A receipt that lies aslant on a table, under uneven light. */
function receipt(): HTMLCanvasElement {
  const { made, context } = canvas(760, 900);
  const table = context.createLinearGradient(0, 0, 760, 900);
  table.addColorStop(0, '#6d5a48');
  table.addColorStop(1, '#3f352c');
  context.fillStyle = table;
  context.fillRect(0, 0, 760, 900);
  context.translate(380, 450);
  context.rotate((-5 * Math.PI) / 180);
  context.shadowColor = 'rgb(0 0 0 / 60%)';
  context.shadowBlur = 24;
  context.fillStyle = '#f3f0e8';
  context.fillRect(-260, -380, 520, 760);
  context.shadowColor = 'transparent';
  context.fillStyle = '#26241f';
  context.textBaseline = 'middle';
  RECEIPT.forEach(([left, right], i) => {
    const y = -310 + i * 76;
    context.font = `${i === 0 || left === 'TOTAL' ? 'bold 38px' : '30px'} "Courier New", monospace`;
    context.textAlign = right === undefined ? 'center' : 'left';
    context.fillText(left, right === undefined ? 0 : -225, y);
    if (right !== undefined) {
      context.textAlign = 'right';
      context.fillText(right, 225, y);
    }
  });
  const light = context.createLinearGradient(-260, -380, 260, 380);
  light.addColorStop(0, 'rgb(255 250 230 / 18%)');
  light.addColorStop(1, 'rgb(20 15 40 / 22%)');
  context.fillStyle = light;
  context.fillRect(-260, -380, 520, 760);
  grain(context, 26);
  return made;
}

/** A sign that hangs crooked. */
function sign(): HTMLCanvasElement {
  const { made, context } = canvas(800, 560);
  context.fillStyle = '#9fb4bf';
  context.fillRect(0, 0, 800, 560);
  context.translate(400, 280);
  context.rotate((14 * Math.PI) / 180);
  context.fillStyle = '#1d4f8c';
  context.fillRect(-310, -130, 620, 260);
  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = 'bold 72px Arial, "Liberation Sans", sans-serif';
  context.fillText('Harbour Road', 0, -50);
  context.font = '44px Arial, "Liberation Sans", sans-serif';
  context.fillText('Ferry 300 m', 0, 52);
  grain(context, 20);
  return made;
}

/** Flowers in ink, over a sky of dots as comics print it. */
function flowers(): HTMLCanvasElement {
  const { made, context } = canvas(640, 480);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, 640, 480);
  const disc = (x: number, y: number, radius: number) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  };
  context.fillStyle = 'rgb(40 40 45 / 30%)';
  for (let y = 0; y < 480; y += 9) {
    for (let x = y % 18 ? 4 : 0; x < 640; x += 9) {
      disc(x, y, 1 + (2.2 * y) / 480);
    }
  }
  const next = chance(7);
  context.strokeStyle = '#222';
  for (let i = 0; i < 10; i++) {
    const [x, y, radius] = [60 + next() * 520, 60 + next() * 270, 24 + next() * 28];
    context.lineWidth = 4;
    context.beginPath();
    context.moveTo(x, y);
    context.quadraticCurveTo(x + 40 * (next() - 0.5), 400, 190 + 260 * next(), 490);
    context.stroke();
    for (let petal = 0; petal < 9; petal++) {
      const angle = (2 * Math.PI * petal) / 9;
      const at = (turn: number, far: number): [number, number] => [
        x + far * radius * Math.cos(angle + turn),
        y + far * radius * Math.sin(angle + turn),
      ];
      context.beginPath();
      context.ellipse(...at(0, 1), 0.7 * radius, 0.34 * radius, angle, 0, 2 * Math.PI);
      context.fillStyle = '#fff';
      context.fill();
      context.lineWidth = 4;
      context.stroke();
      context.lineWidth = 1;
      for (const vein of [-0.1, 0, 0.1]) {
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(...at(vein, 1.5));
        context.stroke();
      }
    }
    context.fillStyle = '#222';
    disc(x, y, 0.4 * radius);
  }
  return made;
}

/** Hills in the morning haze, without a line in it. */
function hills(): HTMLCanvasElement {
  const { made, context } = canvas(640, 480);
  const sky = context.createLinearGradient(0, 0, 0, 480);
  sky.addColorStop(0, '#3f78c4');
  sky.addColorStop(0.6, '#cfe2f2');
  context.fillStyle = sky;
  context.fillRect(0, 0, 640, 480);
  for (let layer = 0; layer < 5; layer++) {
    context.beginPath();
    context.moveTo(0, 480);
    for (let x = 0; x <= 640; x += 4) {
      const bend = Math.sin(x / (90 - 8 * layer) + layer * 1.7) + 0.4 * Math.sin(x / 23 + layer);
      context.lineTo(x, 250 + layer * 46 - 26 * bend);
    }
    context.lineTo(640, 480);
    const near = layer / 4;
    context.fillStyle = `rgb(${130 - 90 * near} ${160 - 70 * near} ${190 - 140 * near})`;
    context.fill();
  }
  return made;
}

export const TEXTS: readonly Sample[] = [
  { name: 'a receipt', draw: receipt },
  { name: 'a crooked sign', draw: sign },
];

export const SCENES: readonly Sample[] = [
  { name: 'flowers in ink', draw: flowers },
  { name: 'hills at dawn', draw: hills },
];
