/* SPDX-License-Identifier: MIT
 * stress/sweep/html_parts.c - text, numbers and the style sheet of report.html. */
#include "stress/sweep/html_parts.h"

#include <math.h>

void
html_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			putc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

void
html_quantity(FILE *out, double value)
{
	static const char units[] = {'\0', 'k', 'M', 'G', 'T'};
	size_t unit = 0;

	while (fabs(value) >= 9999.5 / (unit > 0 ? 10 : 1) && unit + 1 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	bool whole = unit == 0 && value == floor(value);
	int digits = whole || fabs(value) >= 100 ? 0
		     : fabs(value) >= 10         ? 1
		     : fabs(value) >= 1          ? 2
						 : 3;

	fprintf(out, "%.*f", digits, value);
	if (unit > 0)
		putc(units[unit], out);
}

void
html_ratio(FILE *out, struct ratio r)
{
	if (isnan(r.value))
		fputs("&ndash;", out);
	else
		fprintf(out, "%s%.2f", r.noise ? "~" : "", r.value);
}

unsigned
html_colour(size_t allocator)
{
	return (unsigned)(allocator % HTML_COLOURS);
}

/* The series' colours follow M. Okabe and K. Ito (2002), the maps run from blue to orange: both are
 * told apart with any of the common colour blindnesses, and by a reader of a grey print. */
const char html_style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--mute:#57606a;--line:#d0d7de;"
	"--pan:#f6f8fa;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0558a;--c4:#2b9fd9;"
	"--c5:#b57d00;--c6:#444c56;--c7:#7a5bd0;"
	"--b4:#1f5fa8;--b3:#5a9bd4;--b2:#9cc8e8;--b1:#d6e8f6;--n0:#f0f2f4;--w1:#fde4d0;"
	"--w2:#f9be90;--w3:#ec8f4a;--w4:#b04f06;--he:#fff;--hm:#111}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#0f1419;--fg:#e3e8ee;--mute:#9aa5b1;"
	"--line:#343d48;--pan:#1a212a;--c0:#4fa8e0;--c1:#ff8a4a;--c2:#35c79b;--c3:#e39ac5;"
	"--c4:#a3d8f7;--c5:#edbb4b;--c6:#c3ccd6;--c7:#b39cff;"
	"--b4:#7dbcf2;--b3:#3d85c8;--b2:#25567f;--b1:#1d3850;--n0:#252c35;--w1:#45321f;"
	"--w2:#7a4b1c;--w3:#bd6a1c;--w4:#ffb066;--he:#0b0e12;--hm:#f4f6f8}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:1240px;padding:0 16px 48px;"
	"background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif}"
	"h1{font-size:1.7em;margin:24px 0 4px}h2{font-size:1.25em;margin:36px 0 8px;"
	"padding-top:12px;border-top:1px solid var(--line)}h3{font-size:1em;margin:16px 0 4px}"
	"p,ul{margin:6px 0;max-width:80ch}ul{padding-left:20px}li{margin:3px 0;"
	"overflow-wrap:anywhere}.m{color:var(--mute);font-size:.9em}"
	".lead{background:var(--pan);border:1px solid var(--line);border-radius:8px;"
	"padding:8px 16px}.lead li:first-child{font-weight:600}\n"
	".s{overflow-x:auto;max-width:100%}table{border-collapse:separate;border-spacing:2px;"
	"font-size:13px;font-variant-numeric:tabular-nums}th{font-weight:600;text-align:right;"
	"vertical-align:bottom;padding:2px 5px}td{text-align:right;padding:2px 6px;"
	"white-space:nowrap}th:first-child{text-align:left;position:sticky;left:0;"
	"background:var(--bg);white-space:nowrap}tbody th{font-weight:400}"
	"thead th{max-width:74px;line-height:1.15}thead th:first-child{max-width:none}"
	".h td{min-width:50px;border-radius:3px;color:var(--hm);text-align:center}"
	"th[colspan]{text-align:center;border-bottom:1px solid var(--line)}.h "
	"th{text-align:center}.h th:first-child{text-align:left}"
	".h .b4,.h .w4{color:var(--he)}.b4{background:var(--b4)}.b3{background:var(--b3)}"
	".b2{background:var(--b2)}.b1{background:var(--b1)}.n0{background:var(--n0)}"
	".w1{background:var(--w1)}.w2{background:var(--w2)}.w3{background:var(--w3)}"
	".w4{background:var(--w4)}.bad{outline:2px solid var(--c1);outline-offset:-2px;"
	"font-weight:700}.key span{display:inline-block;padding:1px 7px;margin:1px;"
	"border-radius:3px;font-size:12px;color:var(--hm)}.key .b4,.key .w4{color:var(--he)}"
	".best{font-weight:700;text-decoration:underline}\n"
	".two{display:grid;gap:8px 28px;grid-template-columns:repeat(auto-fit,"
	"minmax(min(100%,520px),1fr))}.many{display:grid;gap:12px 24px;"
	"grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}"
	".two>*,.many>*{min-width:0}"
	".r{display:grid;grid-template-columns:104px 1fr 58px;gap:6px;align-items:center;"
	"font-size:12.5px;line-height:17px;font-variant-numeric:tabular-nums}"
	".r>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
	".r>b{font-weight:400;text-align:right;white-space:nowrap}"
	".t{position:relative;height:11px;background:var(--pan)}"
	".t i{position:absolute;left:0;top:0;bottom:0;border-radius:0 2px 2px 0}"
	".t u{position:absolute;top:4px;height:3px;min-width:2px;background:var(--fg);"
	"box-shadow:0 0 0 1px var(--bg)}.t em{position:absolute;top:-3px;bottom:-3px;width:0;"
	"border-left:1px dashed var(--mute)}"
	".c0{background:var(--c0)}.c1{background:var(--c1)}.c2{background:var(--c2)}"
	".c3{background:var(--c3)}.c4{background:var(--c4)}.c5{background:var(--c5)}"
	".c6{background:var(--c6)}.c7{background:var(--c7)}\n"
	"svg{display:block;width:100%;max-width:420px;height:auto}svg text{fill:var(--mute);"
	"font:11px system-ui,sans-serif}.ax{stroke:var(--line);fill:none}"
	".leg{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:13px}.leg svg{width:30px;"
	"height:14px;display:inline-block;vertical-align:-2px;margin-right:4px}"
	".l0,.l1,.l2,.l3,.l4,.l5,.l6,.l7{fill:none;stroke-width:1.8}"
	".l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}"
	".l4{stroke:var(--c4)}.l5{stroke:var(--c5)}.l6{stroke:var(--c6)}.l7{stroke:var(--c7)}"
	".d1{stroke-dasharray:5 3}.k{fill:var(--bg)}"
	"details{margin:6px 0}summary{cursor:pointer;padding:2px 0}\n"
	"@media print{details{display:block}}";
