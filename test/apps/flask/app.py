"""A Flask application with a form: a signed session cookie, a CSRF token in it, flashed messages, a file."""
import hmac
import io
import secrets

from flask import Flask, abort, flash, get_flashed_messages, jsonify, redirect, render_template_string, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "the same on both sides, so that each reads the other's cookies"

PAGE = """<!doctype html>
<title>Guest book</title>
{% for m in get_flashed_messages() %}<p class=flash>{{ m }}</p>{% endfor %}
<p>Hello, {{ session.get("name", "stranger") }}</p>
<form method=post><input type=hidden name=csrf value="{{ csrf }}"><input name=name><button>Sign</button></form>
"""


@app.route("/", methods=["GET", "POST"])
def guest_book():
    if request.method == "POST":
        sent, known = request.form.get("csrf", ""), session.get("csrf", "")
        if not known or not hmac.compare_digest(sent.encode(), known.encode()):
            abort(400, "the form's token is not the session's")
        session["name"] = request.form["name"]
        flash("Thank you <3")
        return redirect(url_for("guest_book", signed="ja, natürlich"), 303)
    session.setdefault("csrf", secrets.token_hex(16))
    return render_template_string(PAGE, csrf=session["csrf"])


@app.get("/visits")
def visits():
    answer = jsonify(visits=int(request.cookies.get("visits", 0)) + 1)
    answer.set_cookie("visits", str(int(request.cookies.get("visits", 0)) + 1), httponly=True, samesite="Strict")
    answer.set_cookie("seen", "yes; really", path="/visits")
    return answer


@app.get("/where/<path:rest>")
def where(rest):
    return jsonify(rest=rest, path=request.path, full=request.full_path, url=request.url, args=request.args.to_dict(flat=False),
                   agent=request.user_agent.string, remote=request.headers.get("X-Forwarded-For"))


@app.post("/photo")
def photo():
    file = request.files["photo"]
    return send_file(io.BytesIO(file.read()[::-1]), mimetype="image/png", as_attachment=True, download_name="größe.png", etag=False)


@app.get("/static.txt")
def conditional():
    answer = app.response_class("static text\n", mimetype="text/plain")
    answer.add_etag()
    return answer.make_conditional(request)


@app.get("/generated")
def generated():
    return app.response_class((f"line {i}\n" for i in range(100)), mimetype="text/plain")
