/** Text in HTML and SVG. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export const styles = `
* { box-sizing: border-box; }
body { margin: 0; background: #111217; color: #ccccdc; font: 13px/1.3 'DejaVu Sans', 'Liberation Sans', sans-serif; }
header { padding: 14px 16px 6px; display: flex; justify-content: space-between; align-items: baseline; }
header h1 { margin: 0; font-size: 19px; font-weight: 600; color: #fff; }
header span { color: #8e8ea0; }
main { position: relative; margin: 0 8px; }
.row { position: absolute; color: #fff; font-size: 15px; font-weight: 600; display: flex; align-items: center; padding-left: 6px; }
.panel { position: absolute; background: #181b1f; border: 1px solid #26282e; border-radius: 3px; overflow: hidden; display: flex; flex-direction: column; }
.panel h2 { margin: 0; padding: 6px 9px 3px; font-size: 13px; font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.body { flex: 1; min-height: 0; padding: 2px 8px 7px; display: flex; flex-direction: column; }
.none { margin: auto; color: #8e8ea0; }
.tiles { flex: 1; display: flex; gap: 3px; min-height: 0; }
.tile { flex: 1; min-width: 0; display: flex; flex-direction: column; align-items: center; justify-content: center; border-radius: 3px; text-align: center; overflow: hidden; }
.tile b { font-weight: 600; white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.tile small { font-size: 11px; white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.plot { flex: 1; min-height: 0; display: block; width: 100%; }
.legend { font-size: 11px; overflow: hidden; display: grid; grid-template-columns: 1fr auto auto; column-gap: 18px; max-height: 80px; margin-top: 2px; }
.legend i { color: #8ab8ff; font-style: normal; text-align: right; }
.legend span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.legend u { display: inline-block; width: 14px; height: 3px; vertical-align: middle; margin-right: 6px; border-radius: 2px; }
.legend em { font-style: normal; text-align: right; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th { color: #8ab8ff; text-align: left; font-weight: 600; padding: 4px 10px; border-bottom: 1px solid #34363d; }
td { padding: 4px 10px; border-bottom: 1px solid #26282e; white-space: nowrap; }
th.n, td.n { text-align: right; }
.bars { display: grid; grid-template-columns: minmax(0, max-content) minmax(45%, 1fr) auto; gap: 4px 10px; align-items: center; font-size: 12px; align-content: space-evenly; flex: 1; overflow: hidden; }
.bars div { background: #22252b; height: 100%; max-height: 22px; min-height: 10px; }
.bars div div { max-height: none; }
.bars span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bars b { font-weight: 600; text-align: right; }
.states { display: grid; grid-template-columns: minmax(0, 30%) 1fr; gap: 3px 10px; font-size: 11px; align-items: stretch; flex: 1; min-height: 0; overflow: hidden; }
.states > span { align-self: center; text-align: right; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.strip { position: relative; min-height: 8px; max-height: 34px; }
.strip div { position: absolute; top: 0; bottom: 0; color: #111217; overflow: hidden; white-space: nowrap; padding-left: 4px; display: flex; align-items: center; }
.times { display: flex; justify-content: space-between; color: #8e8ea0; font-size: 11px; grid-column: 2; }
.key { grid-column: 1 / -1; font-size: 11px; display: flex; gap: 16px; }
.key u { display: inline-block; width: 12px; height: 10px; margin-right: 5px; }
`;
