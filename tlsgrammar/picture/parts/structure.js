// The page of one structure, or of what was found in bytes.

document
  .getElementById("structure")
  .append(structureView(DATA.picture, DATA.texts, DATA.label));
