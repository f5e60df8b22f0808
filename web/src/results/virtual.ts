// A list of any length in the page's own scroll: rows that are out of sight are not in the page.
import { observeWindowOffset, observeWindowRect, Virtualizer, windowScroll, type VirtualItem } from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

export type Rows = { shown: VirtualItem[]; height: number; margin: number; to: (row: number) => void };

/** useRows says which rows of a list are shown, and where. heightOf gives the height of a row with the gap below the row. */
export function useRows(list: RefObject<HTMLElement | null>, count: number, heightOf: (row: number) => number, changed: unknown): Rows {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const [margin, setMargin] = useState(0);
  const before = useRef(changed);
  const options = {
    count,
    getScrollElement: () => window,
    estimateSize: heightOf,
    scrollMargin: margin,
    overscan: 3,
    initialOffset: () => window.scrollY,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    onChange: () => again(0),
  };
  const [v] = useState(() => new Virtualizer<Window, HTMLElement>(options));
  v.setOptions(options);
  if (before.current !== changed) {
    before.current = changed;
    v.measure();
  }
  useEffect(() => v._didMount(), []);
  useLayoutEffect(() => {
    v._willUpdate();
    const top = list.current ? Math.round(list.current.getBoundingClientRect().top + window.scrollY) : 0;
    if (top !== margin) setMargin(top);
  });
  return { shown: v.getVirtualItems(), height: v.getTotalSize(), margin, to: (row) => v.scrollToIndex(row) };
}

/** useWidth is the width of an element, as it changes. */
export function useWidth(of: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const el = of.current;
    if (!el) return;
    setWidth(el.clientWidth);
    const watch = new ResizeObserver(() => setWidth(el.clientWidth));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  return width;
}
