"use strict";
// Texts of the study and of answers go into the page as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("nearest");
  const status = document.getElementById("status");
  const results = document.getElementById("results");
  const [west, south, east, north] = data.bounds;

  const element = (tag, text, className) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (className) node.className = className;
    return node;
  };

  const map = L.map("map", { zoomSnap: 0.25, preferCanvas: true });
  map.attributionControl.setPrefix("Leaflet");
  map.attributionControl.addAttribution(element("span", data.credit).innerHTML);
  map.fitBounds([[south, west], [north, east]], { padding: [8, 8] });
  L.geoJSON(data.outlines, { interactive: false, style: { color: "#41556b", weight: 1, fillColor: "#deebf7", fillOpacity: 0.8 } }).addTo(map);
  const markers = L.featureGroup().addTo(map);

  const place = (lon, lat) => {
    form.lon.value = lon.toFixed(5);
    form.lat.value = lat.toFixed(5);
    form.requestSubmit();
  };

  const label = ({ category, subtype }) => {
    const [zh, en, subtypes] = data.categories[category];
    return (subtypes[subtype] || [zh, en]).join(" ");
  };

  const show = (answer) => {
    const { lon, lat } = answer.place;
    markers.clearLayers();
    const pin = (number, name) => {
      const icon = L.divIcon({ html: element("span", number, "fwq-pin"), className: "", iconSize: [22, 22] });
      return (point) => L.marker(point, { icon }).bindTooltip(element("span", name)).addTo(markers);
    };
    const speed = answer.speed_kph ? `${answer.speed_kph} km/h` : "";
    status.textContent = answer.features.length
      ? `${speed} · ${answer.method}${answer.sample ? " · 示例数据 sample" : ""}`
      : `到不了 nothing in reach: ${answer.reason}`;
    results.replaceChildren(...answer.features.map(({ geometry, properties: p }, row) => {
      const item = element("li", "");
      item.append(element("b", p.name || label(p)));
      item.append(element("span", `${p.minutes.toFixed(1)} 分钟 min · ${Math.round(p.metres)} 米 m`, "fwq-time"));
      item.append(element("small", [label(p), p.opening_hours, p.phone].filter(Boolean).join(" · ")));
      if (geometry.type === "Point") {
        pin(row + 1, p.name || label(p))([geometry.coordinates[1], geometry.coordinates[0]]);
      } else {
        const shape = L.geoJSON(geometry, { style: { color: "#1b4d3e", weight: 2 } }).addTo(markers);
        pin(row + 1, p.name || label(p))(shape.getBounds().getCenter());
      }
      return item;
    }));
    L.circleMarker([lat, lon], { radius: 8, color: "#fff", weight: 2, fillColor: "#d55e00", fillOpacity: 1 })
      .bindTooltip("这里 here").addTo(markers);
    map.fitBounds(markers.getBounds(), { padding: [30, 30], maxZoom: 15 });
  };

  let request = new AbortController();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    request.abort(); // so that an older answer cannot replace a newer one
    request = new AbortController();
    const query = new URLSearchParams(new FormData(form));
    status.textContent = "…";
    try {
      const response = await fetch(`/v1/nearest?${query}`, { signal: request.signal });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      show(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      results.replaceChildren();
      status.textContent = `出错 error: ${error.message}`;
    }
  });
  form.addEventListener("change", (event) => {
    if (["category", "mode"].includes(event.target.name) && results.children.length) form.requestSubmit();
  });
  map.on("click", ({ latlng }) => place(latlng.lng, latlng.lat));
  document.getElementById("locate").addEventListener("click", () => {
    const failed = () => { status.textContent = "无法定位，请在图上点选 no position: tap the map"; };
    if (!navigator.geolocation) return failed();
    navigator.geolocation.getCurrentPosition(({ coords }) => place(coords.longitude, coords.latitude), failed, { timeout: 10000 });
  });
})();
