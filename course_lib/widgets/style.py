"""The look of a card. Every rule is bound to .bp-card, so that nothing else on the page changes.

Text keeps the theme's own text colour, whatever its state; colour only goes into borders and tints.
"""

CSS = """<style>
.bp-card{--g:var(--jp-success-color1,#388e3c);--r:var(--jp-error-color1,#d32f2f);
--a:var(--jp-brand-color1,#1976d2);--t:var(--jp-ui-font-color1,#212121);
--l:var(--jp-border-color1,#9e9e9e);--p:var(--jp-layout-color1,#fff);--q:var(--jp-layout-color2,#eee);
--s:var(--l);box-sizing:border-box;width:100%;max-width:780px;margin:8px 2px 12px;
padding:14px 20px 16px;border:1px solid var(--jp-border-color2,#ccc);border-left:5px solid var(--s);
border-radius:6px;background:var(--p);color:var(--t);gap:10px;overflow:hidden}
.bp-card.bp-passed{--s:var(--g)}.bp-card.bp-failed,.bp-card.bp-error{--s:var(--r)}
.bp-card .widget-html,.bp-card .widget-htmlmath{margin:0;height:auto;width:auto}
.bp-card .widget-html-content,.bp-card .widget-htmlmath-content{width:100%;color:var(--t);
font-size:14px;line-height:1.55;overflow-wrap:anywhere;white-space:normal;height:auto}
.bp-card .widget-box{overflow:visible;margin:0}
.bp-card p{margin:0 0 8px}.bp-card pre+p{margin-top:8px}.bp-card p:last-child{margin:0}
.bp-card ul,.bp-card ol{margin:0 0 8px;padding-left:24px}
.bp-card code,.bp-card pre{font-family:var(--jp-code-font-family,monospace);font-size:13px;
background:var(--q);border-radius:3px;color:var(--t)}.bp-card code{padding:1px 4px}
.bp-card pre{padding:10px 12px;margin:6px 0 0;overflow-x:auto;line-height:1.45;white-space:pre}
.bp-card .bp-head{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px}
.bp-card .bp-title{font-size:16px;font-weight:600;margin-right:auto}
.bp-card .bp-badge{border:1.5px solid var(--s);border-radius:12px;padding:0 10px;font-size:13px;
background:color-mix(in srgb,var(--s) 12%,transparent)}
.bp-card .bp-note{font-size:13px}
.bp-card .bp-box{border-left:3px solid var(--l);padding:2px 0 2px 12px}
.bp-card .bp-lines{white-space:pre-line}
.bp-card .bp-pairs{display:flex;flex-wrap:wrap;gap:8px 28px;margin-top:8px;align-items:flex-start}
.bp-card .bp-picture{flex:1 1 380px;max-width:460px}.bp-card .bp-picture img{margin-top:0}
.bp-card table{border-collapse:separate;border-spacing:3px;margin:0;font-size:13px}
.bp-card caption{text-align:left;padding:0 3px 2px;font-weight:600;white-space:nowrap}
.bp-card td,.bp-card th{text-align:left;padding:2px 8px;border:2px solid transparent;
vertical-align:top}
.bp-card .bp-array td{text-align:right;background:var(--q);border-radius:3px;white-space:nowrap;
font-family:var(--jp-code-font-family,monospace)}
.bp-card .bp-array td.bp-differs{border-color:var(--r);
background:color-mix(in srgb,var(--r) 14%,transparent)}
.bp-card details{margin-top:8px}.bp-card summary{cursor:pointer}
.bp-card img{max-width:100%;height:auto;display:block;margin-top:8px;border-radius:3px}
.bp-card .bp-buttons{flex-flow:row wrap;gap:8px;align-items:center}
.bp-card .jupyter-button{width:auto;height:auto;min-height:32px;margin:0;padding:3px 14px;
border:1px solid var(--l);border-radius:4px;background:var(--q);color:var(--t);font-size:13px;
line-height:1.5}
.bp-card .jupyter-button:hover:enabled{border-color:var(--t);box-shadow:none}
.bp-card .jupyter-button.bp-main{border:2px solid var(--a);font-weight:600}
.bp-card .jupyter-button:disabled{opacity:1;border-style:dashed;background:transparent}
.bp-card .jupyter-button:focus-visible,.bp-card input:focus-visible,.bp-card summary:focus-visible
{outline:2px solid var(--a);outline-offset:2px}
.bp-card .bp-option{gap:12px;align-items:baseline}
.bp-card .bp-option .jupyter-button{flex:none;min-width:60px}
.bp-card .bp-option .widget-htmlmath{flex:1;min-width:0}
.bp-card .bp-picked .jupyter-button{border:2px solid var(--s);font-weight:600;
background:color-mix(in srgb,var(--s) 12%,transparent)}
.bp-card .widget-text{margin:0;height:auto;width:auto}
.bp-card .widget-text .widget-label{width:auto;font-size:14px;color:var(--t);margin-right:8px}
.bp-card .widget-text input[type=text]{width:120px;flex:none;height:32px;padding:2px 8px;
border:2px solid var(--l);border-radius:4px;background:var(--p);color:var(--t);
font-family:var(--jp-code-font-family,monospace);font-size:13px;box-sizing:border-box}
.bp-card .bp-grid{align-items:center;gap:6px 4px;overflow-x:auto;padding:3px;width:fit-content;
max-width:100%}
.bp-card .bp-grid .bp-label{text-align:center;font-weight:600;font-size:13px;padding:0 6px}
.bp-card .bp-bracket{align-self:stretch;border:2px solid var(--t);width:7px!important}
.bp-card .bp-bracket.bp-left{border-right:none}.bp-card .bp-bracket.bp-right-end{border-left:none}
.bp-card .bp-cell{position:relative}
.bp-card .bp-cell .widget-label{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;
clip-path:inset(50%)}
.bp-card .bp-cell input[type=text]{width:88px!important;padding-right:24px!important;
text-align:right}
.bp-card .bp-many .bp-cell input{width:66px!important;padding:2px 18px 2px 3px!important}
.bp-card .bp-many .bp-cell::after{right:5px}
.bp-card .bp-cell.bp-ok input[type=text]{border-color:var(--g)}
.bp-card .bp-cell.bp-no input[type=text]{border-color:var(--r);border-style:dashed}
.bp-card .bp-cell::after{position:absolute;right:8px;top:5px;font-size:13px}
.bp-card .bp-cell.bp-ok::after{content:"✓"}.bp-card .bp-cell.bp-no::after{content:"✗"}
.bp-card .bp-bar{display:inline-block;width:160px;height:10px;border:1px solid var(--t);
border-radius:6px;overflow:hidden;margin:0 10px;vertical-align:middle}
.bp-card .bp-bar i{display:block;height:100%;background:var(--g)}
</style>"""

# What one kind of card alone needs, so that the others stay small.

# A button of a step shows an arrow or a cross; its words are there for screen readers.
ORDER_CSS = """<style>
.bp-card .bp-rows{gap:5px}.bp-card .bp-rows .bp-option{align-items:center}
.bp-card .bp-step{gap:6px;align-items:center;padding:3px 4px 3px 12px;border:1px solid var(--l);
border-radius:4px}
.bp-card .bp-step .widget-html{flex:1;min-width:0}
.bp-card .bp-step .jupyter-button{flex:none;width:36px;padding:3px 0;font-size:0}
.bp-card .bp-step .jupyter-button::before{font-size:15px}
.bp-card .bp-step .jupyter-button:disabled::before{opacity:.35}
.bp-card .bp-up::before{content:"\u2191";content:"\u2191"/""}
.bp-card .bp-down::before{content:"\u2193";content:"\u2193"/""}
.bp-card .bp-away::before{content:"\u2715";content:"\u2715"/""}
</style>"""

LISTING_CSS = """<style>
.bp-card .bp-listing{padding:8px 10px;border-radius:4px;background:var(--q)}
.bp-card .bp-listing .jupyter-button{background:var(--p)}
.bp-card .bp-listing .widget-html{flex:1;min-width:0}
.bp-card .bp-listing .bp-option{align-items:center;min-height:32px}
.bp-card .bp-listing .bp-sure{--s:var(--g)}
.bp-card .bp-listing .bp-number{flex:none;width:60px;text-align:center}
.bp-card .bp-listing code{white-space:pre-wrap;padding:0;background:none}
</style>"""

GRAPH_CSS = """<style>
.bp-card .bp-graph{gap:6px 2px}.bp-card .bp-graph .widget-html-content{overflow-wrap:normal}
.bp-card .bp-graph .bp-label{padding:0 4px}.bp-card .bp-graph .bp-cell{width:76px;justify-self:end}
.bp-card .bp-graph .bp-cell input[type=text]{width:76px!important;
padding:2px 20px 2px 3px!important}
.bp-card .bp-graph .bp-cell.bp-on input[type=text]{border-style:dotted;border-color:var(--t)}
.bp-card .bp-graph .bp-cell::after{right:6px}
.bp-card .bp-graph .bp-cell.bp-on::after{content:"~"}
</style>"""

PUZZLE_CSS = """<style>
.bp-card .bp-factors{flex-flow:row wrap;gap:6px;align-items:center}
.bp-card .bp-factors .widget-html{min-width:82px}
.bp-card .bp-factors .jupyter-button{min-width:72px}
.bp-card .bp-factors .bp-chosen{border:2px solid var(--a);font-weight:600}
</style>"""
