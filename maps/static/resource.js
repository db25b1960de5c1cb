"use strict";
// Draws the page's features on a map without tiles. Names go into the page as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  const element = (tag, text) => {
    const node = document.createElement(tag);
    node.textContent = text;
    return node;
  };

  const map = L.map("map", { zoomSnap: 0.25, preferCanvas: true });
  map.attributionControl.setPrefix("Leaflet");
  map.attributionControl.addAttribution(element("span", data.credit).innerHTML);
  L.control.scale({ imperial: false }).addTo(map);

  const drawn = L.featureGroup().addTo(map);
  const options = (share) => ({
    coordsToLatLng: ([x, y]) => (data.latitude_first ? L.latLng(x, y) : L.latLng(y, x)),
    pointToLayer: (_, latlng) =>
      L.circleMarker(latlng, { radius: 7, color: "#fff", weight: 2, fillColor: "#08519c", fillOpacity: 0.9 }),
    // The greater the share, the darker the area.
    style: ({ geometry }) =>
      /Point/.test(geometry.type) ? {} : { color: "#08519c", weight: 2, fillOpacity: 0.1 + 0.7 * (share ?? 0.1) },
  });
  for (const { geometry, label, href, share } of data.shapes) {
    const isSingle = !href && data.shapes.length === 1;
    const tooltip = isSingle ? { permanent: true, direction: "top", offset: [0, -6] } : { sticky: true };
    const shape = L.geoJSON(geometry, options(share)).bindTooltip(element("span", label), tooltip);
    if (href) {
      const link = element("a", label);
      link.href = href;
      shape.bindPopup(link).on("popupopen", () => shape.closeTooltip());
    }
    drawn.addLayer(shape);
  }
  const bounds = drawn.getBounds();
  if (bounds.isValid()) map.fitBounds(bounds, { padding: [24, 24], maxZoom: 15 });
  else map.setView([0, 0], 1);
})();
