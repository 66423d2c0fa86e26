// An Express 5 application with the middleware that most have.
import { createHash } from "node:crypto";
import cookieParser from "cookie-parser";
import express from "express";
import multer from "multer";

export const app = express();
app.set("trust proxy", true);
app.use(cookieParser("the key of signed cookies"));
app.use(express.json(), express.urlencoded({ extended: true }), express.text());

const upload = multer({ storage: multer.memoryStorage() });

app.get("/", (req, res) => res.type("html").send("<!doctype html><title>Express</title><p>für 3 €"));
app.get("/items/:id", (req, res) => res.json({ id: req.params.id, query: req.query, ip: req.ip, host: req.hostname, secure: req.secure }));
app.post("/items", (req, res) => res.status(201).location("/items/7").json({ got: req.body }));
app.post("/form", (req, res) => res.json(req.body));
app.post("/text", (req, res) => res.type("text/plain").send([...req.body].reverse().join("")));
app.post("/upload", upload.array("files"), (req, res) =>
  res.json(req.files.map((f) => [f.originalname, f.mimetype, f.size, createHash("sha256").update(f.buffer).digest("hex")])));
app.get("/login", (req, res) =>
  res.cookie("session", "s3cret", { signed: true, httpOnly: true, sameSite: "lax" }).cookie("theme", "dark; or not").send("welcome"));
app.get("/whoami", (req, res) => res.json({ signed: req.signedCookies, plain: req.cookies }));
app.get("/bytes", (req, res) => res.attachment("data.bin").send(Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i))));
app.get("/moved", (req, res) => res.redirect("/items/1"));
app.delete("/items/:id", (req, res) => res.status(204).end());
app.get("/pieces", (req, res) => {
  res.type("text/plain");
  for (let i = 0; i < 5; i++) {
    res.write(`line ${i}\n`);
  }
  res.end();
});
app.get("/broken", () => {
  throw Object.assign(new Error("by design"), { status: 418, stack: "no stack" });
});
